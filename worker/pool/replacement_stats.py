"""What became of this worker's browsers, and what replacing them cost the renders that were under way.

The promise is that no render waits for a replacement. These figures prove it, or show that it is broken.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum

from fleet.telemetry.metrics.of_worker import BROWSER_CRASHES, BROWSER_RECYCLES, RENDERS, SLOT_WAIT_SECONDS
from worker.pool.liveness import End
from worker.pool.recycle import Reason


class Meeting(StrEnum):
    """Whether a render was under way while a browser was replaced."""

    OVERLAPPING = "overlapping"
    APART = "apart"


@dataclass(eq=False, slots=True)
class Visit:
    """One render's stay in the pool.

    Attributes:
        meeting: becomes `overlapping` when a replacement begins meanwhile, and stays so.
        waited_s: how long it waited for its page; None until it has one.
    """

    meeting: Meeting
    waited_s: float | None = None


@dataclass(slots=True)
class _Group:
    """Renders of one kind of meeting."""

    count: int = 0
    waited_s: float = 0.0
    longest_wait_s: float = 0.0

    def add(self, waited_s: float) -> None:
        self.count += 1
        self.waited_s += waited_s
        self.longest_wait_s = max(self.longest_wait_s, waited_s)

    @property
    def mean_wait_s(self) -> float:
        return self.waited_s / self.count if self.count else 0.0


@dataclass(frozen=True, slots=True)
class Figures:
    """One look at the tally, counted since the worker started.

    Attributes:
        recycles: planned replacements by reason.
        crashes: unplanned ends by reason.
        renders: renders that got a page and have left.
        overlapping_renders: those among them that met a replacement.
        added_wait_ms: by how much longer these waited for their page than the others, on average; 0 while
            there is nothing to compare.
        longest_overlapping_wait_ms: the longest wait among them.
    """

    recycles: dict[str, int]
    crashes: dict[str, int]
    renders: int
    overlapping_renders: int
    added_wait_ms: float
    longest_overlapping_wait_ms: float

    @property
    def overlapping_percent(self) -> float:
        """The share of renders that met a replacement."""
        return 100 * self.overlapping_renders / self.renders if self.renders else 0.0


@dataclass(slots=True)
class Tally:
    """One worker's counts. A replacement lasts from the launch of the next browser to the old one's end."""

    _recycles: Counter[Reason] = field(default_factory=Counter)
    _crashes: Counter[End] = field(default_factory=Counter)
    _groups: dict[Meeting, _Group] = field(default_factory=lambda: {kind: _Group() for kind in Meeting})
    _visits: set[Visit] = field(default_factory=set)
    _replacements: int = 0

    @contextmanager
    def visit(self) -> Iterator[Visit]:
        """A render asks for a page, and has left when the block ends; without a page it is not counted."""
        visit = Visit(Meeting.OVERLAPPING if self._replacements else Meeting.APART)
        self._visits.add(visit)
        try:
            yield visit
        finally:
            self._visits.discard(visit)
            if visit.waited_s is not None:
                self._groups[visit.meeting].add(visit.waited_s)
                RENDERS.labels(visit.meeting).inc()
                SLOT_WAIT_SECONDS.labels(visit.meeting).observe(visit.waited_s)

    @contextmanager
    def replacement(self) -> Iterator[None]:
        """A browser is being replaced for as long as the block runs; there may be several at once."""
        self._replacements += 1
        for visit in self._visits:
            visit.meeting = Meeting.OVERLAPPING
        try:
            yield
        finally:
            self._replacements -= 1

    def count_recycle(self, reason: Reason) -> None:
        """Another generation has taken over as planned."""
        self._recycles[reason] += 1
        BROWSER_RECYCLES.labels(reason).inc()

    def count_crash(self, end: End) -> None:
        """A browser has ended by itself, or was killed because it did not answer."""
        self._crashes[end] += 1
        BROWSER_CRASHES.labels(end).inc()

    def figures(self) -> Figures:
        """The counts as they are now."""
        met, apart = self._groups[Meeting.OVERLAPPING], self._groups[Meeting.APART]
        added_s = met.mean_wait_s - apart.mean_wait_s if met.count and apart.count else 0.0
        return Figures(
            recycles={str(reason): count for reason, count in self._recycles.items()},
            crashes={str(end): count for end, count in self._crashes.items()},
            renders=met.count + apart.count,
            overlapping_renders=met.count,
            added_wait_ms=round(1000 * added_s, 2),
            longest_overlapping_wait_ms=round(1000 * met.longest_wait_s, 2),
        )
