"""What came of a page's connections: a verdict for each target, and what was counted."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from fleet.egress.policy import Rule

# Distinct targets and blocks that are remembered of one page: of targets the last ones, because a document
# that could not be had was asked for last; of blocks the first ones, which are what a caller wants to know.
MAX_REMEMBERED: Final = 200
# Stands for whatever a request that cannot be read was for.
UNREADABLE: Final = ("", 0)


class ConnectionOutcome(StrEnum):
    """What came of one connection: the label of a metric, and what a warning is made of."""

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


class Cap(StrEnum):
    """What a page had too much of; the value is what the log calls it."""

    BYTES = "bytes"
    CONNECTIONS = "connections"
    OPEN_CONNECTIONS = "open_connections"
    TIME = "time"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a connection to one target.

    Attributes:
        outcome: the kind.
        rule: of BLOCKED, which rule of the operator's; otherwise None.
        detail: a sentence for the caller in constant words, without address or credential; may be empty.
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
    """What one port has seen since it was admitted.

    Attributes:
        blocked: how often each host was refused on purpose, and why.
        capped: how often a connection was refused or cut because the page had too much of something.
        connections: requests for one, refused ones included.
        bytes_up: to the targets, without what TCP and IP add.
        bytes_down: from the targets.
        verdicts: the last one of each target (host as Chromium writes it, port), the newest at the end. All
            requests that could not be read are one target, `UNREADABLE`.
        reached: all targets that a connection was made to; no more than a page may have connections.
    """

    blocked: Counter[tuple[str, Verdict]] = field(default_factory=Counter)
    capped: Counter[Cap] = field(default_factory=Counter)
    connections: int = 0
    bytes_up: int = 0
    bytes_down: int = 0
    verdicts: dict[tuple[str, int], Verdict] = field(default_factory=dict)
    reached: set[tuple[str, int]] = field(default_factory=set)

    @property
    def bytes_total(self) -> int:
        """Both directions together, which is what the cap counts."""
        return self.bytes_up + self.bytes_down

    def note(self, host: str, port: int, verdict: Verdict) -> bool:
        """Remember what came of a connection; returns whether this block was not known yet."""
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
        return is_new
