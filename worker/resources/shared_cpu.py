"""Divides the CPU time of the processes that all pages share among the pages, and finds a page with too much.

A page can overload the browser process or the network service: with cookies, addresses of megabytes, frames.
Then other pages wait for these processes. Chromium does not tell for which page a process works. But a page
that overloads them is busy in its renderer meanwhile. So the CPU time of the shared processes is divided by
how much CPU time the renderers of each page used lately. Only a process that is busy counts, because only for
such a process other pages wait.

A page may use such CPU time for a moment: its share falls steadily, like the level of a leaky bucket.
"""

from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from worker.resources.chromium_processes import read_cpu_s
from worker.resources.memory.page_memory import PageMemory

# A page whose level is above this is ended. A page that loads 300 small files comes to 0.6 s.
LIMIT_S: Final = 1.5
# By so much a level falls each second.
_LEAK_PER_S: Final = 0.2
# Pages do not have to wait for a process that uses less of a core than this.
_BUSY: Final = 0.25
# CPU time of a renderer counts half as much half a second later: the shared processes may work on it later.
_DECAY: Final = 0.5
_DECAY_S: Final = 0.5
# The shortest time between two measurements.
_STEP_S: Final = 0.2
# The shared processes still work on what a page had sent when it was ended, until they have nothing more to
# do, or for so long at most. Meanwhile that page is counted as if it still used half of a core. Otherwise the
# pages that wait would be charged for it.
_LEFT_FOR_S: Final = 10.0
_HALF_A_CORE_S: Final = 0.5
# A page whose renderers used less lately is not taken for the busiest one.
_LEAST_S: Final = 0.1
# A page is clearly before the others if it used so many times as much as any of them.
_CLEARLY: Final = 3.0
# A third of the limit: an ordinary page does not come to that.
_SUSPICIOUS_S: Final = LIMIT_S / 3


@dataclass(slots=True)
class _CpuUse:
    """CPU time of one page.

    Attributes:
        cpu_s: CPU time of its renderers at the last check.
        lately_s: what they used lately; older parts count less.
        level_s: its share of the CPU time of the shared processes, which falls steadily.
    """

    cpu_s: float
    lately_s: float = 0.0
    level_s: float = 0.0


@dataclass(slots=True)
class SharedCpu:
    """CPU time of the pages of one browser.

    Attributes:
        cpu_s: how much CPU time a process has used; tests give it.
        are_busy: whether one of the shared processes was busy between the last two measurements.
    """

    cpu_s: Callable[[int], float] = read_cpu_s
    are_busy: bool = False
    _uses: dict[PageMemory, _CpuUse] = field(default_factory=dict)
    _shared_s: Mapping[int, float] = field(default_factory=dict)
    _checked_at: float = 0.0
    _left_s: float = 0.0
    _left_until: float = 0.0

    def check(
        self,
        now: float,
        shared: Iterable[int],
        pages: Iterable[PageMemory],
        *,
        stopped: Container[PageMemory] = frozenset(),
        is_saturated: bool = False,
    ) -> PageMemory | None:
        """Measure, if a fifth of a second has passed since the last time. Returns a page above `LIMIT_S`.

        Args:
            now: seconds of a monotonic clock.
            shared: the shared processes.
            pages: the pages that render.
            stopped: those of them that are stopped because the shared processes still work for them.
            is_saturated: one of the shared processes is never idle, although it may only wait for a core.
        """
        elapsed_s = now - self._checked_at
        if elapsed_s < _STEP_S:
            return None
        self._checked_at = now
        busy_s = self._busy_s(shared, elapsed_s)
        self.are_busy = busy_s > 0 or is_saturated
        decay = _DECAY ** (elapsed_s / _DECAY_S)
        uses = {page: self._update(page, 1.0 if page in stopped else decay) for page in pages}
        for page in self._uses.keys() - uses.keys():
            del self._uses[page]  # it has ended: what it did once says nothing of those that render now
        if not self.are_busy or now > self._left_until:
            self._left_s = 0.0
        if any(page.has_large_picture for page in uses):
            busy_s = 0.0  # a large picture needs CPU time, too; the two cannot be told apart
        total_s = self._left_s + sum(use.lately_s for use in uses.values())
        for use in uses.values():
            share_s = busy_s * use.lately_s / total_s if total_s else 0.0
            use.level_s = max(0.0, use.level_s + share_s - _LEAK_PER_S * elapsed_s)
        worst = max(uses, key=lambda page: uses[page].level_s, default=None)
        return worst if worst is not None and uses[worst].level_s > LIMIT_S else None

    def busiest(self) -> PageMemory | None:
        """The page that makes the browser process not answer; None: no page clearly does.

        It has caused three times as much work of the shared processes as any other page. Or its renderers
        used at least a tenth of a core lately, and three times as much as those of any other page.
        """
        if any(page.has_large_picture for page in self._uses):
            return None
        busiest = self._first(lambda use: use.level_s, _SUSPICIOUS_S)
        if busiest is not None or self.has_left_work:
            return busiest
        return self._first(lambda use: use.lately_s, _LEAST_S)

    def ended(self, page: PageMemory, now: float) -> None:
        """A page has ended that may have left the shared processes work: it gets its share of that, too."""
        if self._uses.pop(page, None) is not None:
            self._left_s, self._left_until = _HALF_A_CORE_S, now + _LEFT_FOR_S

    @property
    def has_left_work(self) -> bool:
        """Whether the shared processes may still work on what a page has sent that was ended for it."""
        return self._left_s > 0

    def is_suspicious(self, page: PageMemory) -> bool:
        """Whether a page has lately kept the shared processes busy, more than an ordinary page does."""
        use = self._uses.get(page)
        return use is not None and use.level_s > _SUSPICIOUS_S

    def sender(self) -> PageMemory | None:
        """The page whose level says that it keeps the shared processes busy; None: no page clearly does."""
        # The page after a flood may be the next flood, and is charged for a part of what it sends only.
        least_s = _SUSPICIOUS_S / 2 if self.has_left_work else _SUSPICIOUS_S
        return self._first(lambda use: use.level_s, least_s) if self.are_busy else None

    def _first(self, used_s: Callable[[_CpuUse], float], least_s: float) -> PageMemory | None:
        """The page that is clearly before all others, if it used at least `least_s`."""
        ranked = sorted(self._uses.items(), key=lambda item: used_s(item[1]), reverse=True)
        rest_s = used_s(ranked[1][1]) if len(ranked) > 1 else 0.0
        if not ranked or used_s(ranked[0][1]) < max(least_s, _CLEARLY * rest_s):
            return None
        return ranked[0][0]

    def _busy_s(self, shared: Iterable[int], elapsed_s: float) -> float:
        before, self._shared_s = self._shared_s, {pid: self.cpu_s(pid) for pid in shared}
        used = (cpu_s - before[pid] for pid, cpu_s in self._shared_s.items() if pid in before)
        return sum(cpu_s for cpu_s in used if cpu_s > _BUSY * elapsed_s)

    def _update(self, page: PageMemory, decay: float) -> _CpuUse:
        cpu_s = sum(self.cpu_s(pid) for pid in page.renderers)
        use = self._uses.setdefault(page, _CpuUse(cpu_s))
        new_cpu_s, use.cpu_s = max(0.0, cpu_s - use.cpu_s), cpu_s
        use.lately_s = use.lately_s * decay + new_cpu_s
        return use
