"""A cookie that a caller gives to the page, as Playwright writes it or as a server sets it."""

import re
from collections.abc import Callable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Annotated, Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator
from pydantic_core import Url

from fleet.egress.hosts import is_address, without_brackets
from fleet.input.field_errors import COOKIE_PATH, rule_error
from fleet.render.origins import host_of, is_host_below, origin_of

# Chromium keeps at most 180 of one site, and cuts them down to 150 (net/cookies/cookie_monster.h).
MAX_COOKIES: Final = 150
# Chromium refuses larger ones, and longer paths (net/cookies/parsed_cookie.h).
MAX_COOKIE_BYTES: Final = 4_096
MAX_TEXT_LENGTH: Final = 8_192
# All of them together. Servers refuse far fewer; with more, a request is none that our own proxy takes.
MAX_TOTAL_COOKIE_BYTES: Final = 128 * 1024
MAX_PATH_LENGTH: Final = 1_024

_NAME: Final = re.compile(r"[^\x00-\x1f\x7f;=]+")
_VALUE: Final = re.compile(r"[^\x00-\x1f\x7f;]*")
_DOMAIN: Final = re.compile(r"\.?(?:[a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])")
_NEVER: Final = -1


class SameSite(StrEnum):
    """With which requests of other sites it goes."""

    STRICT = "Strict"
    LAX = "Lax"
    NONE = "None"


class Cookie(BaseModel):
    """Playwright's fields, under Playwright's names."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    name: Annotated[str, StringConstraints(min_length=1, strip_whitespace=True)]
    value: Annotated[str, StringConstraints(strip_whitespace=True)] = Field(repr=False)
    url: str | None = Field(
        default=None, max_length=MAX_TEXT_LENGTH, description="Gives host and path, instead of the two below."
    )
    domain: Annotated[str, StringConstraints(to_lower=True)] | None = Field(
        default=None,
        max_length=255,
        description="The host; with a dot in front also the hosts below it. Not given: the host of `url`.",
        examples=["app.example.com", ".example.com"],
    )
    path: Annotated[str, StringConstraints(max_length=MAX_PATH_LENGTH, pattern=COOKIE_PATH)] = "/"
    expires: float | None = Field(
        default=None, ge=_NEVER, le=1e12, description="Unix seconds; -1 as none: with the browser."
    )
    httpOnly: bool = False
    secure: bool = False
    sameSite: SameSite | None = None
    partitionKey: str | None = Field(
        default=None, max_length=MAX_TEXT_LENGTH, description="The site in whose pages alone it is sent."
    )

    @model_validator(mode="before")
    @classmethod
    def _as_fields(cls, given: Any) -> Any:
        """Read the text of a `Set-Cookie`; drop what Playwright notes for itself; put `url` into the rest."""
        if isinstance(given, str):
            given = _read_set_cookie(given)
        if not isinstance(given, dict):
            return given
        fields = {name: value for name, value in given.items() if name != "_crHasCrossSiteAncestor"}
        if fields.get("expires") == _NEVER:
            del fields["expires"]
        if isinstance(url := fields.pop("url", None), str):
            fields = _parts_of(url, fields) | fields
        elif url is not None:
            raise rule_error("url", "must be text")
        return fields

    @model_validator(mode="after")
    def _is_one_that_browsers_keep(self) -> Self:
        if not _NAME.fullmatch(self.name):
            raise rule_error("name", "has a control character, `;` or `=`, which no name of a cookie has")
        if not _VALUE.fullmatch(self.value):
            raise rule_error("value", "has a control character or `;`, which no cookie can carry")
        if (size := len(f"{self.name}{self.value}".encode())) > MAX_COOKIE_BYTES:
            raise rule_error(
                "value", f"is {size:,} bytes long with its name; browsers keep at most {MAX_COOKIE_BYTES:,}"
            )
        if self.domain is not None and not _DOMAIN.fullmatch(self.domain):
            raise rule_error("domain", "is no host name", allowed="app.example.com or .example.com")
        self._check_attributes()
        return self

    def _check_attributes(self) -> None:
        """Chromium drops cookies whose attributes contradict each other; say so before."""
        if self.sameSite is SameSite.NONE and not self.secure:
            raise rule_error("sameSite", "None needs `secure: true`; browsers keep no other")
        name = self.name.lower()
        if name.startswith(("__secure-", "__host-")) and not self.secure:
            raise rule_error("secure", "must be true for a name that begins with __Secure- or __Host-")
        if name.startswith("__host-") and ((self.domain or "").startswith(".") or self.path != "/"):
            raise rule_error("name", "that begins with __Host- is for one host, and for the path /")

    def is_for(self, target: str) -> bool:
        """Whether a page at this address is sent it, whatever its path."""
        host = host_of(target)
        if self.partitionKey is not None and not is_host_below(host, host_of(self.partitionKey)):
            return False
        if self.domain is None:
            return True
        domain = self.domain.removeprefix(".")
        # Of a domain such as .com browsers keep no cookies.
        is_wide = domain != self.domain and "." in domain
        return is_host_below(host, domain) if is_wide else domain == host


def _parts_of(url: str, fields: dict[str, Any]) -> dict[str, Any]:
    """What an address says of a cookie, as Playwright reads it: host, path up to its last part, secrecy."""
    if "domain" in fields or "path" in fields:
        raise rule_error("url", "give either `url`, or `domain` and `path`")
    try:
        origin = origin_of(url)
    except ValueError:
        raise rule_error("url", "is no http or https address") from None
    path = (Url(url).path or "/").rpartition("/")[0]
    return {"domain": host_of(url), "path": path or "/", "secure": origin.startswith("https:")}


def _read_set_cookie(text: str) -> dict[str, Any]:
    """The fields of a `Set-Cookie` text (RFC 6265, 5.2). What is not known there is not read here either."""
    if len(text) > MAX_TEXT_LENGTH:
        raise ValueError(f"is {len(text):,} characters long; at most {MAX_TEXT_LENGTH:,} are allowed")
    pair, *attributes = text.removeprefix("Set-Cookie:").split(";")
    name, mark, value = pair.partition("=")
    if not mark:
        raise ValueError("is no text of a cookie, such as session=abc; Path=/; Secure")
    fields: dict[str, Any] = {"name": name.strip(), "value": value.strip()}
    given = {}
    for attribute in attributes:
        key, _, setting = attribute.partition("=")
        given[key.strip().lower()] = setting.strip()
    for key, read in _ATTRIBUTES.items():  # in an order in which Max-Age overrules Expires
        if key in given:
            fields |= read(given[key])
    return fields


def _domain(text: str) -> dict[str, Any]:
    host = text.removeprefix(".").lower()
    if not host:
        return {}
    return {"domain": host if is_address(without_brackets(host)) else f".{host}"}


def _max_age(text: str) -> dict[str, Any]:
    # From now on, not from some time on: the same text must mean the same an hour later.
    if not text.removeprefix("-").isdecimal():
        return {}
    is_over = text.startswith("-") or not text.strip("0")
    return {"expires": 0 if is_over else None}


def _same_site(text: str) -> dict[str, Any]:
    return {"sameSite": text.capitalize()} if text.capitalize() in set(SameSite) else {}


_ATTRIBUTES: Final[Mapping[str, Callable[[str], dict[str, Any]]]] = {
    "domain": _domain,
    "path": lambda text: {"path": text} if text.startswith("/") else {},
    "secure": lambda _: {"secure": True},
    "httponly": lambda _: {"httpOnly": True},
    "samesite": _same_site,
    "expires": lambda text: {"expires": _unix_seconds(text)},
    "max-age": _max_age,
}


def _unix_seconds(date: str) -> float | None:
    try:
        moment = parsedate_to_datetime(date.replace("-", " "))
    except (ValueError, OverflowError):
        return None
    return max(0.0, moment.replace(tzinfo=moment.tzinfo or UTC).timestamp())
