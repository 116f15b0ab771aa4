"""Divides the CPU of the processes that all pages share among the pages, and names one that takes too much.

A page can flood the browser process or the network service: with cookies, addresses of megabytes, frames.
Others' pages then wait for these processes. Which page a process works for is told by nobody. But a page that
floods is busy in its renderer meanwhile, so what the shared processes took is divided by how much CPU each
page's renderers took lately. What counts is only CPU of a process that is busy for most of the time: that is
what others wait for.

A page may take a moment of such CPU: its share is a level that sinks steadily.
Formats: proc_pid_stat(5).
"""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final
from weakref import WeakKeyDictionary

from worker.resources.page_memory import CAPTURE_BYTES_PER_PIXEL, PageMemory

# A page that loads 300 small files takes 0.6 s of the two processes.
LIMIT_S: Final = 1.5
_SINKS_PER_S: Final = 0.2
# A process that takes less of a core keeps nobody waiting.
_BUSY: Final = 0.25
# What a renderer did counts half as much half a second later: the shared processes may be behind.
_FADES: Final = 0.5
_STEP_S: Final = 0.5
_LEAST_S: Final = 0.1
_CLEARLY: Final = 3.0
# Four million pixels.
_LARGE_PICTURE_BYTES: Final = 4_000_000 * CAPTURE_BYTES_PER_PIXEL
_TICK_S: Final = 1 / os.sysconf("SC_CLK_TCK")


@dataclass(slots=True)
class _Account:
    """One page's part.

    Attributes:
        cpu_s: of its renderers when they were last looked at.
        lately_s: what they took lately, older parts faded.
        level_s: its share of the shared processes, sunk.
    """

    cpu_s: float
    lately_s: float = 0.0
    level_s: float = 0.0


@dataclass(slots=True)
class SharedCpu:
    """The accounts of the pages of one browser."""

    _accounts: WeakKeyDictionary[PageMemory, _Account] = field(default_factory=WeakKeyDictionary)
    _shared_s: Mapping[int, float] = field(default_factory=dict)
    _looked_at: float = 0.0

    def look(self, now: float, shared: Iterable[int], pages: Iterable[PageMemory]) -> PageMemory | None:
        """Look, if it is time to; returns a page that has taken more than `LIMIT_S`.

        Args:
            now: seconds of a clock that never goes back.
            shared: the processes that count.
            pages: those that render.
        """
        elapsed_s = now - self._looked_at
        if elapsed_s < _STEP_S:
            return None
        self._looked_at = now
        busy_s = self._busy_s(shared, elapsed_s)
        accounts = {page: self._account(page) for page in pages}
        if any(page.allowance_bytes > _LARGE_PICTURE_BYTES for page in accounts):
            busy_s = 0.0  # a picture is made, which is no flood, and nobody knows how much else there was
        total_s = sum(account.lately_s for account in accounts.values())
        for account in accounts.values():
            share_s = busy_s * account.lately_s / total_s if total_s else 0.0
            account.level_s = max(0.0, account.level_s + share_s - _SINKS_PER_S * elapsed_s)
        worst = max(accounts, key=lambda page: accounts[page].level_s, default=None)
        return worst if worst is not None and accounts[worst].level_s > LIMIT_S else None

    def busiest(self) -> PageMemory | None:
        """The page that is to blame for a browser process that does not answer; None: nobody clearly is.

        Its renderers took a tenth of a core at least, and three times as much as those of any other page.
        """
        if any(page.allowance_bytes > _LARGE_PICTURE_BYTES for page in self._accounts):
            return None
        ranked = sorted(self._accounts.items(), key=lambda item: item[1].lately_s, reverse=True)
        rest = ranked[1][1].lately_s if len(ranked) > 1 else 0.0
        if not ranked or ranked[0][1].lately_s < max(_LEAST_S, _CLEARLY * rest):
            return None
        return ranked[0][0]

    def _busy_s(self, shared: Iterable[int], elapsed_s: float) -> float:
        before, self._shared_s = self._shared_s, {pid: _cpu_s(pid) for pid in shared}
        took = (cpu_s - before[pid] for pid, cpu_s in self._shared_s.items() if pid in before)
        return sum(cpu_s for cpu_s in took if cpu_s > _BUSY * elapsed_s)

    def _account(self, page: PageMemory) -> _Account:
        cpu_s = sum(_cpu_s(pid) for pid in page.renderers)
        account = self._accounts.setdefault(page, _Account(cpu_s))
        new_s, account.cpu_s = max(0.0, cpu_s - account.cpu_s), cpu_s
        account.lately_s = account.lately_s * _FADES + new_s
        return account


def _cpu_s(pid: int) -> float:
    """CPU time of a process, all its threads; 0 if it has ended."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - often, and Path costs more
            fields = file.read().rpartition(b")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) * _TICK_S
