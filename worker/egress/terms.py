"""The terms of a job: what its page may reach, through which proxy, and its caps."""

from dataclasses import dataclass, field
from typing import Protocol, Self

from fleet.egress.policy import AddressPolicy
from fleet.render.options.identity import ProxyScheme
from worker.egress.own_site.site import OwnSite


@dataclass(frozen=True, slots=True)
class Upstream:
    """A proxy of the tenant's own, through which all connections of a page go.

    Attributes:
        scheme: the protocol of the proxy.
        host: its name or address as in a parsed URL: lower case, ASCII, but without brackets.
        port: the port that it listens at.
        username: not encrypted; empty if it needs none. At most 255 bytes (RFC 1929).
        password: as `username`.
        greeting_s: how long a SOCKS5 proxy may take for its first words. It says them without asking anybody.
    """

    scheme: ProxyScheme
    host: str
    port: int
    username: str = field(default="", repr=False)
    password: str = field(default="", repr=False)
    greeting_s: float = 3.0


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


class Unwanted(Protocol):
    """What the job itself wants to have refused."""

    def refusal(self, host: str, url: str, accept: str) -> str | None:
        """Why a request is refused, in a sentence for the caller; None: it is not.

        Args:
            host: in lower case.
            url: the whole address of a plain request; empty: a tunnel to the host is asked for.
            accept: the field Accept of a plain request.
        """

    def refusal_of_answer(self, url: str, accept: str, content_type: str, length: int) -> str | None:
        """Why the answer to a plain request is cut off after its head; None: it is not.

        Args:
            url: as above.
            accept: as above.
            content_type: of the answer, in lower case, without parameters; empty: it has none.
            length: how many bytes its body has; 0: the head does not say.
        """

    async def tunnel_opens(self) -> None:
        """A tunnel is about to be opened, in which nobody but the browser sees what is asked for."""

    def has_refused(self, url: str) -> bool:
        """Whether a request to this address was refused."""


@dataclass(frozen=True, slots=True)
class Terms:
    """The terms of one job.

    Attributes:
        policy: which addresses may be reached.
        unwanted: what the job itself wants to have refused; None: nothing.
        upstream: the tenant's proxy; None: connections go directly to the target.
        caps: how much of the network the page may use.
        own_site: what the port serves itself: the files of a job, or the page of a canary.
        is_offline: whether nothing but that may be reached, because the page is replayed.
    """

    policy: AddressPolicy
    unwanted: Unwanted | None = None
    upstream: Upstream | None = None
    caps: Caps = field(default_factory=Caps)
    own_site: OwnSite | None = None
    is_offline: bool = False
