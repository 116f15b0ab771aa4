"""Settings of the API alone: bodies, waiting, API keys."""

import re
from typing import Final

from pydantic import Field, field_validator

from fleet.render.files import MAX_FILES_BYTES
from fleet.settings import FleetSettings, Words

_NAME: Final = re.compile(r"\*|(?:\*\.)?[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*\.?", re.ASCII)
# As browsers write an origin (RFC 6454, section 6.2): no path, no default port, no upper case.
_ORIGIN: Final = re.compile(
    r"https?://(?:\[[0-9a-f:.]+\]|[a-z0-9_-]+(?:\.[a-z0-9_-]+)*)(?::[1-9][0-9]{0,4})?", re.ASCII
)
_DAY_S: Final = 24 * 3600
_DEFAULT_PORT: Final = re.compile(r"http:.*:80|https:.*:443")


class ApiSettings(FleetSettings):
    """What one API process takes in and how long it waits."""

    api_host: str = Field(default="127.0.0.1", description="Address that the API listens at.")
    api_port: int = Field(default=8000, ge=1, le=65_535, description="Port that the API listens at.")
    api_ui: bool = Field(
        default=True,
        description="Whether the API has the dashboard at `/ui`. on or off.",
    )
    api_allowed_hosts: Words = Field(
        default=(),
        description="Host names that the API answers to, such as `api.example.com,*.example.org`, besides IP "
        "addresses, `localhost` and API_HOST. Calls to other names are refused with 421. `*`: any "
        "name.",
    )
    api_cors_origins: Words = Field(
        default=(),
        description="Origins whose web pages may call the API, such as `https://app.example.com`. Each must "
        "be exact; cookies are never allowed.",
    )
    api_max_connections: int = Field(
        default=11_000,
        ge=1,
        le=200_000,
        description="Connections that one process may hold; more are answered with 503. Each needs a file "
        "descriptor.",
    )
    api_max_head_bytes: int = Field(
        default=32 * 1024,
        ge=1024,
        le=1024 * 1024,
        description="Bytes that the address and the header fields of a request may have together.",
    )
    api_head_timeout_s: float = Field(
        default=10.0,
        gt=0,
        le=600,
        description="Seconds that a request's address and header fields may take to arrive.",
    )
    api_send_timeout_s: float = Field(
        default=30.0,
        gt=0,
        le=600,
        description="Seconds in which a caller must take the next part of an answer (about 64 KiB). A slower "
        "caller is cut off.",
    )
    api_keep_alive_s: int = Field(
        default=5,
        ge=1,
        le=60,
        description="Seconds for which a connection without a request is kept open. Behind a proxy, set it "
        "higher than the proxy's own value.",
    )
    api_max_requests: int = Field(
        default=100_000,
        ge=0,
        description="Requests after which a new process replaces the one that serves, varied by up to a "
        "tenth. 0: never.",
    )
    api_shutdown_grace_s: int = Field(
        default=10, ge=0, le=3600, description="Seconds that open calls may still take after SIGTERM."
    )
    api_max_body_bytes: int = Field(
        default=4 * 1024 * 1024,
        ge=1024,
        le=64 * 1024 * 1024,
        description="Largest request body in bytes. A JSON escape such as `\\u003c` (six bytes) counts as "
        "one byte, so the body as it is sent may be up to 10 MiB larger, and 2 MiB of HTML fit even if each "
        "character is escaped.",
    )
    api_max_batch_bytes: int = Field(
        default=16 * 1024 * 1024,
        ge=1024,
        le=64 * 1024 * 1024,
        description="Largest body of a batch in bytes, as it is sent. The process needs about six times as "
        "much memory while it reads one.",
    )
    api_body_timeout_s: float = Field(
        default=30.0, gt=0, le=600, description="Seconds that a request body may take to arrive."
    )
    api_max_files_bytes: int = Field(
        default=MAX_FILES_BYTES,
        ge=1024,
        le=MAX_FILES_BYTES,
        description="Bytes that the files of a job may have together when they are uploaded as "
        "multipart/form-data. The process needs about 3 MiB for each upload, however long it is.",
    )
    api_files_timeout_s: float = Field(
        default=300.0, gt=0, le=3600, description="Seconds that a request body with files may take to arrive."
    )
    api_max_waiters: int = Field(
        default=10_000,
        ge=0,
        le=100_000,
        description="Callers that may wait for jobs or follow events at the same time in one process; one "
        "tenant may have at most nine tenths of the places that other tenants do not hold. Beyond that, "
        "waiting calls are answered at once, and event streams are refused.",
    )
    api_events_keepalive_s: float = Field(
        default=15.0,
        gt=0,
        le=300,
        description="Seconds between two keep-alive lines in a silent event stream. A caller that reads "
        "nothing for this time is cut off.",
    )
    api_key_cache_s: float = Field(
        default=10.0,
        ge=0,
        le=300,
        description="Seconds for which a process remembers an API key. A revoked key may still work for "
        "this time.",
    )

    @field_validator("api_allowed_hosts")
    @classmethod
    def _hosts_are_names(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if not _NAME.fullmatch(name):
                raise ValueError(
                    f"{name!r} is no host name, such as api.example.com or *.example.com, without a port"
                )
        return names

    @field_validator("api_cors_origins")
    @classmethod
    def _origins_are_exact(cls, origins: tuple[str, ...]) -> tuple[str, ...]:
        for origin in origins:
            if not _ORIGIN.fullmatch(origin) or _DEFAULT_PORT.fullmatch(origin):
                raise ValueError(
                    f"{origin!r} is no origin as browsers send it, such as https://app.example.com or "
                    "http://localhost:3000: scheme, host in lower case, a port unless it is the usual one"
                )
        return origins


class LinkSettings(FleetSettings):
    """Signed links: how long they hold, how long what they show is kept, and how long a load may take."""

    link_max_lifetime_s: int = Field(
        default=90 * _DAY_S,
        ge=60,
        le=366 * _DAY_S,
        description="Longest time in seconds until a signed link expires. Links that are valid for longer "
        "are refused.",
    )
    link_cache_ttl_s: int = Field(
        default=_DAY_S,
        ge=0,
        le=366 * _DAY_S,
        description="Seconds for which a signed link without `cache_ttl_s` shows the same render. 0: only "
        "loads at the same moment share a render.",
    )
    link_failure_ttl_s: int = Field(
        default=30,
        ge=0,
        le=3600,
        description="Seconds after a failed render in which loads of the same link get the same error, "
        "without a new attempt. The picture of a page that answered 4xx or 5xx is kept for so long, too.",
    )
    link_wait_s: float = Field(
        default=55.0,
        gt=0,
        le=300,
        description="Seconds that the load of a signed link waits for its render; then it is answered with "
        "503 or the placeholder. Set it lower than the timeouts of proxies in front.",
    )
