"""Header fields that a caller adds to requests to the target, and the credentials that become one."""

import base64
import re
from typing import Annotated, Final, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, model_validator

from fleet.input.field_errors import NO_CONTROL_CHARACTERS, NO_CONTROL_CHARACTERS_OR_EMPTY, rule_error

MAX_HEADERS: Final = 50
MAX_VALUE_BYTES: Final = 8 * 1024
# Servers refuse larger heads: nginx above 32 KiB, Apache and Node above 8 and 16 KiB.
MAX_TOTAL_BYTES: Final = 32 * 1024
MAX_NAME_LENGTH: Final = 200
MAX_CREDENTIAL_BYTES: Final = 4 * 1024

AUTHORIZATION: Final = "authorization"
TRACEPARENT: Final = "traceparent"
# RFC 9110, 5.6.2 and 5.5. Other characters than these are read differently by different servers.
_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE: Final = re.compile(r"[\x21-\x7e]([\x20-\x7e\t]*[\x21-\x7e])?|")

# Names that the browser alone may write: the "forbidden request-headers" of fetch.spec.whatwg.org, but for
# those that do no harm here, such as DNT, and with those that would change what is asked for.
_OF_THE_BROWSER: Final = "is written by the browser itself"
_FORBIDDEN: Final = {
    "cookie": "is made of `cookies`; give them there",
    "cookie2": "is not sent by browsers any more; give `cookies`",
    "set-cookie": "is for answers; give `cookies`",
    "range": "would make a part of the page",
    "if-match": "would make an answer without a page",
    "if-none-match": "would make an answer without a page",
    "if-modified-since": "would make an answer without a page",
    "if-unmodified-since": "would make an answer without a page",
    "if-range": "would make a part of the page",
} | dict.fromkeys(
    (
        "accept-charset",
        "accept-encoding",
        "access-control-request-headers",
        "access-control-request-method",
        "access-control-request-private-network",
        "connection",
        "content-length",
        "content-encoding",
        "date",
        "expect",
        "host",
        "http2-settings",
        "keep-alive",
        "origin",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "upgrade-insecure-requests",
        "via",
    ),
    _OF_THE_BROWSER,
)
_FORBIDDEN_BEGINNINGS: Final = ("proxy-", "sec-")
# By these a server is asked to take another method than that of the request. Browsers send them, but not with
# these methods ("forbidden method"): Chromium would hold such a request for ever.
_OF_METHODS: Final = frozenset({"x-http-method", "x-http-method-override", "x-method-override"})
_FORBIDDEN_METHODS: Final = frozenset({"connect", "trace", "track"})


def _refusal(name: str, value: str) -> str | None:
    """Why a header of this name, in lower case, with this value may not be given."""
    if name in _OF_METHODS and _FORBIDDEN_METHODS & {word.strip().lower() for word in value.split(",")}:
        return "asks for a method that browsers never send: CONNECT, TRACE or TRACK"
    return _OF_THE_BROWSER if name.startswith(_FORBIDDEN_BEGINNINGS) else _FORBIDDEN.get(name)


def _checked(headers: dict[str, str]) -> dict[str, str]:
    """The same with names in lower case and in order, since neither makes a difference to a server."""
    checked: dict[str, str] = {}
    for given, text in headers.items():
        name, value = given.lower(), text.strip(" \t")
        if not _NAME.fullmatch(given) or len(given) > MAX_NAME_LENGTH:
            # Not repeated: it may hold what belongs into the value.
            raise ValueError("have a name that no header can have, such as one with a blank or a colon")
        if reason := _refusal(name, value):
            raise rule_error(given, reason)
        if name in checked:
            raise rule_error(name, "is given twice: upper and lower case are the same")
        if not _VALUE.fullmatch(value):
            raise rule_error(name, "must be printable ASCII characters in one line")
        if len(value) > MAX_VALUE_BYTES:
            raise rule_error(name, f"is {len(value):,} bytes long; at most {MAX_VALUE_BYTES:,} are allowed")
        checked[name] = value
    if (total := sum(map(len, [*checked, *checked.values()]))) > MAX_TOTAL_BYTES:
        raise ValueError(f"are {total:,} bytes together; at most {MAX_TOTAL_BYTES:,} are allowed")
    return dict(sorted(checked.items()))


Headers = Annotated[dict[str, str], Field(max_length=MAX_HEADERS), AfterValidator(_checked)]


def _short(credential: str) -> str:
    if (size := len(credential.encode())) > MAX_CREDENTIAL_BYTES:
        raise ValueError(f"is {size:,} bytes long; at most {MAX_CREDENTIAL_BYTES:,} are allowed")
    return credential


def refuse_colon(username: str) -> None:
    """Do nothing if HTTP can carry a user name: a colon ends it (RFC 7617, section 2).

    Raises:
        PydanticCustomError: it cannot; for validators.
    """
    if ":" in username:
        raise rule_error(
            "username", "holds a colon, which HTTP cannot carry (RFC 7617)", allowed="text without a colon"
        )


class BasicAuth(BaseModel):
    """User name and password of HTTP's basic authentication (RFC 7617)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    username: Annotated[
        str, StringConstraints(min_length=1, pattern=NO_CONTROL_CHARACTERS), AfterValidator(_short)
    ] = Field(repr=False, description="Without a colon.")
    password: Annotated[
        str, StringConstraints(pattern=NO_CONTROL_CHARACTERS_OR_EMPTY), AfterValidator(_short)
    ] = Field(default="", repr=False, description="May be empty, as with API keys.")

    @model_validator(mode="after")
    def _has_no_colon(self) -> Self:
        refuse_colon(self.username)
        return self

    @property
    def header(self) -> str:
        """The value of `Authorization`."""
        return "Basic " + base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
