"""Finds within tenths of a second the page that sends messages faster than the shared processes handle them.

The account in shared_cpu.py tells after a second or more who keeps the shared processes busy. By then a page
may have sent what takes the browser process ten times as long. So this looks ten times a second whose main
threads were hardly ever idle: that of a shared process, and that of one page.

The threads that take messages from other processes (Chrome_IOThread) do not count. They wake up often, and
wait for a core each time: on a busy machine a page of 80 pictures was stopped twice for them.
"""

from collections import deque
from collections.abc import Callable, Container, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeVar

from worker.resources.chromium_processes import read_cpu_s, read_wanted_s
from worker.resources.memory.page_memory import PageMemory

# A main thread that is idle for less of the time than this cannot keep up. Ordinary pages seldom keep that of
# the browser process so busy, while their own is as busy as that.
_IDLE: Final = 0.2
# What is judged is the time from the look before the last one until now: 0.2 s.
_STEPS: Final = 2
# The page that sends is this many times as busy as any other.
_CLEARLY: Final = 3.0
# A page that has used less CPU time than this, its start included (0.1 s), cannot have sent much. On a busy
# machine such a page was named for waiting for a core, while the browser worked on what a flood had left.
_LEAST_CPU_S: Final = 0.2
# A flood that is stopped is idle, and the shared processes work on what it has sent. Then a page that only
# loads is the busiest. Most pages take less CPU time than this, and a second flood takes it within a moment.
_LOADING_CPU_S: Final = 0.5

_Key = TypeVar("_Key", int, PageMemory)


@dataclass(frozen=True, slots=True)
class _Look:
    """What was read at one time: for how long each main thread ran or waited for a core so far."""

    at: float
    shared_s: Mapping[int, float]
    pages_s: Mapping[PageMemory, float]


@dataclass(slots=True)
class Saturation:
    """The busiest main threads of one browser.

    Attributes:
        wanted_s: for how long the main thread of a process ran or waited for a core; tests give it.
        cpu_s: how much CPU time a process has used; tests give it.
        is_saturated: whether that of a shared process was hardly ever idle lately.
        sender: the page that sends too much; None: no page clearly does.
    """

    wanted_s: Callable[[int], float] = read_wanted_s
    cpu_s: Callable[[int], float] = read_cpu_s
    is_saturated: bool = False
    sender: PageMemory | None = None
    _looks: deque[_Look] = field(default_factory=lambda: deque(maxlen=_STEPS + 1))

    def restart(self) -> None:
        """Forget what was read: nobody has looked for a while."""
        self._looks.clear()
        self.is_saturated, self.sender = False, None

    def check(
        self,
        now: float,
        shared: Iterable[int],
        pages: Iterable[PageMemory],
        *,
        stopped: Container[PageMemory] = frozenset(),
    ) -> None:
        """Look once.

        Args:
            now: seconds of a monotonic clock.
            shared: the shared processes.
            pages: the pages that render.
            stopped: those of them that are stopped because the shared processes still work for them.
        """
        shared_s = {pid: self.wanted_s(pid) for pid in shared}
        pages_s = {page: sum(map(self.wanted_s, page.renderers)) for page in pages}
        look = _Look(now, shared_s, pages_s)
        self._looks.append(look)
        first = self._looks[0]
        enough_s = (1 - _IDLE) * (now - first.at)
        is_full = len(self._looks) > _STEPS
        self.is_saturated = is_full and max(_grown(first.shared_s, shared_s), default=0.0) > enough_s
        # A large picture keeps the browser process busy, too; the two cannot be told apart.
        has_picture = any(page.has_large_picture for page in pages_s)
        self.sender = None if has_picture or not self.is_saturated else _busiest(first, look, enough_s)
        least_cpu_s = _LOADING_CPU_S if any(page in stopped for page in pages_s) else _LEAST_CPU_S
        if self.sender is not None and sum(map(self.cpu_s, self.sender.renderers)) < least_cpu_s:
            self.sender = None


def _busiest(first: _Look, last: _Look, least_s: float) -> PageMemory | None:
    """The page that was busy for so long between the looks, and clearly for longer than all others."""
    pages = [page for page in last.pages_s if page in first.pages_s]
    ranked = sorted(zip(_grown(first.pages_s, last.pages_s), pages, strict=True), key=lambda one: -one[0])
    rest_s = ranked[1][0] if len(ranked) > 1 else 0.0
    if not ranked or ranked[0][0] < max(least_s, _CLEARLY * rest_s):
        return None
    return ranked[0][1]


def _grown(before: Mapping[_Key, float], now: Mapping[_Key, float]) -> list[float]:
    """By how much each has grown that was there before, too."""
    return [now_s - before[one] for one, now_s in now.items() if one in before]
