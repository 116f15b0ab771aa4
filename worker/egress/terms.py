"""What one page may reach, through what, and how much of it."""

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
        scheme: how it is spoken to.
        host: its name or address, as an address of the web has it (lower case, ASCII, without brackets).
        port: where it listens.
        username: in the clear; empty when it asks for none. At most 255 bytes (RFC 1929).
        password: the same.
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
    """How much one page may have.

    Attributes:
        max_bytes: in both directions together.
        max_connections: in total, refused ones included.
        max_open: at once.
        max_s: seconds from `admit` after which everything is cut.
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
    """A page that the port itself answers with, so that a test render needs nobody outside the worker.

    Attributes:
        host: for which name, over plain http.
        html: the document; the same for every path.
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
    """Of one job.

    Attributes:
        policy: which addresses are reachable.
        blocked_hosts: what the job does not want to be loaded.
        upstream: the tenant's proxy; None: straight to the target.
        caps: how much.
        own_page: the only thing that a test render asks for; None for jobs.
    """

    policy: AddressPolicy
    blocked_hosts: HostPatterns = NO_HOSTS
    upstream: Upstream | None = None
    caps: Caps = field(default_factory=Caps)
    own_page: OwnPage | None = None
