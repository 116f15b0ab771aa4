"""Divides the CPU time of the processes that all pages share among the pages, and finds a page with too much.

A page can overload the browser process or the network service: with cookies, addresses of megabytes, frames.
Then other pages wait for these processes. Chromium does not tell for which page a process works. But a page
that overloads them is busy in its renderer meanwhile. So the CPU time of the shared processes is divided by
how much CPU time the renderers of each page used lately. Only a process that is busy counts, because only for
such a process other pages wait.

A page may use such CPU time for a moment: its share falls steadily, like the level of a leaky bucket.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final
from weakref import WeakKeyDictionary

from worker.resources.chromium_processes import read_cpu_s
from worker.resources.memory.page_memory import PageMemory

# A page that loads 300 small files takes 0.6 s of the two processes.
LIMIT_S: Final = 1.5
_LEAK_PER_S: Final = 0.2
# Pages do not have to wait for a process that uses less of a core than this.
_BUSY: Final = 0.25
# CPU time of a renderer counts half as much half a second later: the shared processes may work on it later.
_DECAY: Final = 0.5
_STEP_S: Final = 0.5
_LEAST_S: Final = 0.1
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
    """CPU time of the pages of one browser."""

    _uses: WeakKeyDictionary[PageMemory, _CpuUse] = field(default_factory=WeakKeyDictionary)
    _shared_s: Mapping[int, float] = field(default_factory=dict)
    _checked_at: float = 0.0

    def check(self, now: float, shared: Iterable[int], pages: Iterable[PageMemory]) -> PageMemory | None:
        """Measure, if half a second has passed since the last time. Returns a page that is above `LIMIT_S`.

        Args:
            now: seconds of a monotonic clock.
            shared: the shared processes.
            pages: the pages that render.
        """
        elapsed_s = now - self._checked_at
        if elapsed_s < _STEP_S:
            return None
        self._checked_at = now
        busy_s = self._busy_s(shared, elapsed_s)
        uses = {page: self._update(page) for page in pages}
        if any(page.has_large_picture for page in uses):
            busy_s = 0.0  # taking a large picture needs CPU time, too, and the two cannot be told apart
        total_s = sum(use.lately_s for use in uses.values())
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
        return self._first(lambda use: use.level_s, _SUSPICIOUS_S) or self._first(
            lambda use: use.lately_s, _LEAST_S
        )

    def _first(self, used_s: Callable[[_CpuUse], float], least_s: float) -> PageMemory | None:
        """The page that is clearly before all others, if it used at least `least_s`."""
        ranked = sorted(self._uses.items(), key=lambda item: used_s(item[1]), reverse=True)
        rest_s = used_s(ranked[1][1]) if len(ranked) > 1 else 0.0
        if not ranked or used_s(ranked[0][1]) < max(least_s, _CLEARLY * rest_s):
            return None
        return ranked[0][0]

    def _busy_s(self, shared: Iterable[int], elapsed_s: float) -> float:
        before, self._shared_s = self._shared_s, {pid: read_cpu_s(pid) for pid in shared}
        used = (cpu_s - before[pid] for pid, cpu_s in self._shared_s.items() if pid in before)
        return sum(cpu_s for cpu_s in used if cpu_s > _BUSY * elapsed_s)

    def _update(self, page: PageMemory) -> _CpuUse:
        cpu_s = sum(read_cpu_s(pid) for pid in page.renderers)
        use = self._uses.setdefault(page, _CpuUse(cpu_s))
        new_s, use.cpu_s = max(0.0, cpu_s - use.cpu_s), cpu_s
        use.lately_s = use.lately_s * _DECAY + new_s
        return use
