"""The terms of a job: what its page may reach, through which proxy, and its caps."""

from dataclasses import dataclass, field
from typing import Final, Protocol, Self

from fleet.egress.hosts import HostPatterns
from fleet.egress.policy import AddressPolicy
from fleet.render.options.identity import ProxyScheme

NO_HOSTS: Final = HostPatterns()


@dataclass(frozen=True, slots=True)
class Upstream:
    """A proxy of the tenant's own, through which all connections of a page go.

    Attributes:
        scheme: the protocol of the proxy.
        host: its name or address as in a parsed URL: lower case, ASCII, but without brackets.
        port: the port that it listens at.
        username: not encrypted; empty if it needs none. At most 255 bytes (RFC 1929).
        password: as `username`.
    """

    scheme: ProxyScheme
    host: str
    port: int
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)


class CapSettings(Protocol):
    """What `Caps` needs of worker.settings.EgressProxySettings."""

    @property
    def egress_max_bytes_per_job(self) -> int:
        """See `Caps.max_bytes`."""

    @property
    def egress_max_connections_per_job(self) -> int:
        """See `Caps.max_connections`."""

    @property
    def egress_max_open_connections_per_job(self) -> int:
        """See `Caps.max_open`."""


@dataclass(frozen=True, slots=True)
class Caps:
    """How much of the network one page may use.

    Attributes:
        max_bytes: bytes in both directions together.
        max_connections: connections in total, with the refused ones.
        max_open: open connections at the same time.
        max_s: seconds after `Port.admit` at which all connections are cut.
    """

    max_bytes: int = 1024 * 1024 * 1024
    max_connections: int = 10_000
    max_open: int = 64
    max_s: float = 3600.0

    @classmethod
    def from_settings(cls, settings: CapSettings, *, max_s: float) -> Self:
        """The operator's caps, for a page that may live for `max_s` seconds."""
        return cls(
            max_bytes=settings.egress_max_bytes_per_job,
            max_connections=settings.egress_max_connections_per_job,
            max_open=settings.egress_max_open_connections_per_job,
            max_s=max_s,
        )


@dataclass(frozen=True, slots=True)
class OwnPage:
    """A page that the port itself serves: a canary must not depend on anything outside the worker.

    Attributes:
        host: the name of its address, over plain HTTP.
        html: the document, the same for all paths.
    """

    host: str
    html: str

    def answer(self) -> bytes:
        """The whole HTTP answer."""
        body = self.html.encode()
        head = (
            "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nCache-Control: no-store\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        return head.encode() + body


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of one job.

    Attributes:
        policy: which addresses may be reached.
        blocked_hosts: hosts that the job itself has blocked.
        upstream: the tenant's proxy; None: connections go directly to the target.
        caps: how much of the network the page may use.
        own_page: the page of a canary; None for jobs.
    """

    policy: AddressPolicy
    blocked_hosts: HostPatterns = NO_HOSTS
    upstream: Upstream | None = None
    caps: Caps = field(default_factory=Caps)
    own_page: OwnPage | None = None
