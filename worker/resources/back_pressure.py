"""Stops a page that sends the processes that all pages share more than they can handle.

A renderer can send messages several times as fast as the browser process handles them. What was sent is
handled even if the page has been ended meanwhile, and other pages wait for that. So the renderer of such a
page is stopped (SIGSTOP) until the shared processes have nothing more to do, and then goes on. A page that is
only busy for a moment takes a little longer; a flood cannot pile up more than a few tenths of a second send.
"""

import contextlib
import os
import signal
from dataclasses import dataclass
from typing import Final
from weakref import WeakKeyDictionary, WeakSet

from fleet.telemetry.logs import get_logger
from fleet.telemetry.metrics.of_worker import PAGE_STOPS
from worker.resources.memory.page_memory import PageMemory

# Other pages may keep the shared processes busy, too. So nobody is stopped for longer than this at a time.
LONGEST_STOP_S: Final = 2.0

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class _Stop:
    """The stop of one page.

    Attributes:
        since: when it began, by a monotonic clock.
        renderers: the processes that were stopped. By its end the page may have others.
    """

    since: float
    renderers: frozenset[int]


class BackPressure:
    """The pages of one browser that are stopped now."""

    def __init__(self) -> None:
        self._stops: WeakKeyDictionary[PageMemory, _Stop] = WeakKeyDictionary()
        self._told: WeakSet[PageMemory] = WeakSet()

    def __contains__(self, page: object) -> bool:
        """Whether this page is stopped."""
        return page in self._stops

    def stopped_processes(self) -> frozenset[int]:
        """The renderers that are stopped now."""
        return frozenset(pid for stop in self._stops.values() for pid in stop.renderers)

    def stopped_processes_of(self, page: PageMemory) -> frozenset[int]:
        """The renderers of this page that are stopped now."""
        stop = self._stops.get(page)
        return frozenset() if stop is None else stop.renderers

    def update(self, now: float, sender: PageMemory | None, *, are_busy: bool) -> None:
        """Let stopped pages go on, or stop one.

        Args:
            now: seconds of a monotonic clock.
            sender: the page that sends the shared processes too much; None: no page does.
            are_busy: whether the shared processes still work on what was sent.
        """
        for page, stop in list(self._stops.items()):
            if not are_busy or now - stop.since > LONGEST_STOP_S:
                self.release(page)
        if sender is not None and are_busy and sender not in self:
            self._stops[sender] = _Stop(now, sender.renderers)
            _signal(sender.renderers, signal.SIGSTOP)
            PAGE_STOPS.inc()
            if sender not in self._told:  # a flood is stopped up to three times a second
                self._told.add(sender)
                log.info(
                    "stopping a page for moments: it sends the browser too much",
                    pids=sorted(sender.renderers),
                )

    def release(self, page: PageMemory) -> None:
        """Let this page go on, if it is stopped. Call this before the page is asked for anything."""
        if (stop := self._stops.pop(page, None)) is not None:
            _signal(stop.renderers, signal.SIGCONT)


def _signal(renderers: frozenset[int], number: signal.Signals) -> None:
    for pid in renderers:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
