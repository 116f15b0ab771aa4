"""As whom a render goes out: its headers, credentials, cookies and storage, and through whose proxy."""

from enum import StrEnum
from typing import Annotated, Any, Final, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    StringConstraints,
    ValidationInfo,
    model_validator,
)
from pydantic_core import CoreSchema, PydanticCustomError

from fleet.egress.hosts import authority
from fleet.egress.policy import BlockedAddressError, MalformedAddressError
from fleet.errors import ErrorType
from fleet.input.field_errors import NO_CONTROL_CHARACTERS, rule_error
from fleet.render.cookies import MAX_COOKIES, MAX_TEXT_LENGTH, MAX_TOTAL_COOKIE_BYTES, Cookie
from fleet.render.options.source import address_policy
from fleet.render.request_headers import AUTHORIZATION, TRACEPARENT, BasicAuth, Headers, refuse_colon
from fleet.render.storage_state import StorageState

# RFC 1929 gives user name and password one byte of length each.
MAX_CREDENTIAL_BYTES: Final = 255
MAX_SERVER_LENGTH: Final = 300


class ProxyScheme(StrEnum):
    """How the proxy is spoken to."""

    HTTP = "http"
    SOCKS5 = "socks5"


# As Chromium reads an address without a port (net/base/proxy_string_util.h).
DEFAULT_PORTS: Final = {ProxyScheme.HTTP: 80, ProxyScheme.SOCKS5: 1080}


def _split(server: str) -> tuple[ProxyScheme, str]:
    scheme, mark, rest = server.partition("://")
    if not mark:
        return ProxyScheme.HTTP, server
    try:
        return ProxyScheme(scheme.lower()), rest
    except ValueError:
        raise ValueError(
            "is no proxy of a kind that is spoken here: http://host:port or socks5://host:port"
        ) from None


def _permitted(server: str, info: ValidationInfo) -> str:
    """Normalise, and refuse early what the egress proxy would refuse later."""
    scheme, rest = _split(server)
    rest = rest.removesuffix("/")
    if not rest or any(mark in rest for mark in "/?#\\"):
        raise ValueError("must be scheme, host and port alone, such as http://proxy.example.com:3128")
    # Read as an address of the web: the parser knows hosts of no other scheme. A port of its own is kept.
    port = "" if rest.rpartition(":")[2].isdigit() else f":{DEFAULT_PORTS[scheme]}"
    try:
        target = address_policy(info).of_proxies().inspect(f"http://{rest}{port}/")
    except BlockedAddressError as error:
        raise PydanticCustomError(
            ErrorType.URL_BLOCKED.value,
            "{reason}",
            {"reason": error.rule.value, "rule": error.rule.name.lower()},
        ) from None
    except MalformedAddressError:
        raise ValueError("has no host that a proxy can have, such as http://proxy.example.com:3128") from None
    return f"{scheme}://{authority(target.host, target.port)}"


def _short(credential: str) -> str:
    if len(credential.encode()) > MAX_CREDENTIAL_BYTES:
        raise ValueError(f"is longer than {MAX_CREDENTIAL_BYTES} bytes")
    return credential


Credential = Annotated[
    str, StringConstraints(min_length=1, pattern=NO_CONTROL_CHARACTERS), AfterValidator(_short)
]


class Proxy(BaseModel):
    """A proxy of the caller's own. It resolves the names, and sees what a network provider would see."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    server: Annotated[str, StringConstraints(max_length=MAX_SERVER_LENGTH), AfterValidator(_permitted)] = (
        Field(
            description="http://host:port or socks5://host:port, at a public address.",
            examples=["http://proxy.example.com:3128"],
        )
    )
    username: Credential | None = Field(
        default=None, repr=False, description="For the proxy, if it asks for one."
    )
    password: Credential | None = Field(
        default=None, repr=False, description="For the proxy, if it asks for one."
    )

    @model_validator(mode="after")
    def _credentials_come_together(self) -> Self:
        if (self.username is None) != (self.password is None):
            raise rule_error("username", "give both of `username` and `password`, or none")
        if self.username is not None and self.scheme is ProxyScheme.HTTP:
            refuse_colon(self.username)
        return self

    @property
    def scheme(self) -> ProxyScheme:
        """How it is spoken to."""
        return _split(self.server)[0]

    @property
    def address(self) -> str:
        """Where it is, as an address of the web."""
        return f"http://{_split(self.server)[1]}/"


class _OrSetCookie:
    """Says in the schema that a text is understood too."""

    @staticmethod
    def __get_pydantic_json_schema__(schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        text = {"type": "string", "maxLength": MAX_TEXT_LENGTH, "pattern": "="}
        return {"anyOf": [handler(schema), text]}


class IdentityOptions(BaseModel):
    """What the target is told of the caller, and through whose proxy. Nobody but the target is told."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    headers: Headers = Field(
        default={},
        repr=False,
        description="Header fields for requests to the origin of `url`, and to no other.",
        examples=[{"Authorization": "Bearer …"}],
    )
    basic_auth: BasicAuth | None = Field(
        default=None,
        description="User name and password for the origin of `url`, sent with each request to it.",
    )
    cookies: tuple[Annotated[Cookie, _OrSetCookie()], ...] = Field(
        default=(),
        max_length=MAX_COOKIES,
        description="Cookies of the host of `url`: Playwright's fields, or the text of a Set-Cookie.",
        examples=[[{"name": "session", "value": "…"}, "theme=dark; Path=/; Secure"]],
    )
    storage_state: StorageState | None = Field(
        default=None,
        repr=False,
        description="Cookies and localStorage as Playwright's `storage_state` has them. Those of other sites "
        "than that of `url` are left out.",
    )
    proxy: Proxy | None = Field(
        default=None,
        description="All requests of the page go through this proxy. It must have a public address.",
    )

    send_traceparent: bool = Field(
        default=False,
        description="Whether requests to the origin of `url` have a `traceparent`, of the trace to which the "
        "call belongs that made the job.",
    )

    @model_validator(mode="after")
    def _cookies_fit_into_a_request(self) -> Self:
        size = sum(len(f"{cookie.name}={cookie.value}; ".encode()) for cookie in self.cookies)
        if size > MAX_TOTAL_COOKIE_BYTES:
            allowed = f"at most {MAX_TOTAL_COOKIE_BYTES:,}"
            said = f"are {size:,} bytes together; {allowed} are allowed"
            raise rule_error("cookies", said, allowed=f"{allowed} bytes")
        return self

    @model_validator(mode="after")
    def _one_authorization(self) -> Self:
        if self.basic_auth is not None and AUTHORIZATION in self.headers:
            raise rule_error("basic_auth", "is sent as `Authorization`, which `headers` has too; give one")
        return self

    @model_validator(mode="after")
    def _one_traceparent(self) -> Self:
        if self.send_traceparent and TRACEPARENT in self.headers:
            raise rule_error(
                "send_traceparent", "is sent as `traceparent`, which `headers` has too; give one"
            )
        return self


def check_target(options: IdentityOptions, url: str | None) -> None:
    """Refuse an identity that nobody would be told.

    Args:
        options: those of a request.
        url: of the same request; None: its page has no address.

    Raises:
        PydanticCustomError: names the field.
    """
    if url is None:
        for name in _OF_A_TARGET:
            if getattr(options, name):
                raise rule_error(name, "goes to the origin of `url` alone, and this request has no `url`")
        return
    for index, cookie in enumerate(options.cookies):
        if not cookie.is_for(url):
            raise rule_error(
                f"cookies.{index}",
                "is for another host than that of `url`, so that it would never be sent",
                allowed="the host of `url`, or a domain above it with a dot in front",
            )


_OF_A_TARGET: Final = ("headers", "basic_auth", "cookies", "storage_state", "send_traceparent")
