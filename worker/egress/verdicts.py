"""Verdicts: the results of a page's connections, and their counts."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from fleet.egress.policy import Rule

# How many targets, and how many blocks, are remembered of one page. The last targets are kept, because a
# render needs the verdict of its latest document. The first blocks are kept, which callers want to know.
MAX_REMEMBERED: Final = 200
# The target of all requests that cannot be read.
UNREADABLE: Final = ("", 0)


class ConnectionOutcome(StrEnum):
    """The result of one connection. It is a metric's label, and a job's warning is made from it."""

    CONNECTED = "connected"
    BLOCKED = "blocked"
    UNWANTED = "unwanted"
    NOT_RESOLVED = "not_resolved"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    OVER_CAP = "over_cap"
    PROXY_REFUSED = "proxy_refused"
    PROXY_FAILED = "proxy_failed"
    UNAVAILABLE = "unavailable"
    MALFORMED = "malformed"
    NOT_ADMITTED = "not_admitted"
    OFFLINE = "offline"


class Cap(StrEnum):
    """The caps of one page. The values are in log lines."""

    BYTES = "bytes"
    CONNECTIONS = "connections"
    OPEN_CONNECTIONS = "open_connections"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The result of a connection to one target.

    Attributes:
        outcome: the kind of result.
        rule: the operator's rule that blocks the target; None if no rule does.
        detail: a sentence for the caller, which never contains an address or a credential; may be empty.
    """

    outcome: ConnectionOutcome
    rule: Rule | None = None
    detail: str = ""

    @property
    def is_block(self) -> bool:
        """Whether the target was refused on purpose: by the operator's rules or by the job's own list."""
        return self.outcome in {ConnectionOutcome.BLOCKED, ConnectionOutcome.UNWANTED}


@dataclass(slots=True)
class PortRecord:
    """What became of the connections of one port.

    Attributes:
        blocked: how often each host was refused by a rule or by the job, with the verdict.
        capped: how often a connection was refused or cut because of each cap.
        connections: how many connections were asked for, with the refused ones.
        bytes_up: bytes to the targets, without the headers of TCP and IP.
        bytes_down: bytes from the targets.
        verdicts: the last verdict for each target (host as Chromium writes it, port), the newest at the end.
            All requests that could not be read are one target, `UNREADABLE`.
        reached: the targets to which a connection was made.
        tunnels: the targets that were refused although a tunnel was asked for, as for https.
    """

    blocked: Counter[tuple[str, Verdict]] = field(default_factory=Counter)
    capped: Counter[Cap] = field(default_factory=Counter)
    connections: int = 0
    bytes_up: int = 0
    bytes_down: int = 0
    verdicts: dict[tuple[str, int], Verdict] = field(default_factory=dict)
    reached: set[tuple[str, int]] = field(default_factory=set)
    tunnels: set[tuple[str, int]] = field(default_factory=set)

    @property
    def bytes_total(self) -> int:
        """Both directions together, which is what the cap counts."""
        return self.bytes_up + self.bytes_down

    def note(self, host: str, port: int, verdict: Verdict, *, is_tunnel: bool = False) -> bool:
        """Record a verdict. Returns whether it is a block that was not recorded before."""
        if self.verdicts.pop((host, port), None) is None and len(self.verdicts) >= MAX_REMEMBERED:
            del self.verdicts[next(iter(self.verdicts))]
        self.verdicts[host, port] = verdict
        if verdict.outcome is ConnectionOutcome.CONNECTED:
            self.reached.add((host, port))
        if not verdict.is_block:
            return False
        block = (host, verdict)
        is_new = block not in self.blocked and len(self.blocked) < MAX_REMEMBERED
        if is_new or block in self.blocked:
            self.blocked[block] += 1
        if is_new and is_tunnel:
            self.tunnels.add((host, port))
        return is_new
