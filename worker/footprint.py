"""What a worker's processes take: memory and CPU of the whole tree below it, and whether memory grows.

RSS counts a page again in each process that shares it, PSS divides it among them: only PSS may be summed. The
kernel computes it by walking all pages (`smaps_rollup`), 0.3 to 2 ms of CPU a process. The 13 of a worker
that renders four pages take 21 ms, every 15 seconds 0.14 % of a core: that belongs into a thread, and not
into every heartbeat.
"""

import contextlib
import re
import time
from collections import deque
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import psutil

from fleet.workers.leaks import slope_per_hour

_KIB: Final = 1024
_PERIOD_S: Final = 300.0
_PERIODS_OF_A_DAY: Final = 288
# Within the first hour a worker fills its caches, which no slope can tell from a leak.
_FEWEST_PERIODS: Final = 12
_PSS: Final = re.compile(rb"^Pss:\s+(\d+) kB$", re.MULTILINE)


class Part(StrEnum):
    """Which of a worker's processes."""

    PYTHON = "python"
    DRIVER = "driver"
    BROWSER = "browser"
    RENDERERS = "renderers"


@dataclass(frozen=True, slots=True)
class Reading:
    """One look at all processes of a worker.

    Attributes:
        rss_bytes: sum of the resident memory; shared pages are counted in each.
        pss_bytes: proportional memory by part; None where the system does not tell it.
        cpu_percent: CPU time since the look before, of one core; None at the first.
    """

    rss_bytes: int
    pss_bytes: dict[Part, int] | None
    cpu_percent: float | None

    @property
    def bytes(self) -> int:
        """The best figure for the memory of all."""
        return self.rss_bytes if self.pss_bytes is None else sum(self.pss_bytes.values())


class Processes:
    """This process and all below it: Playwright's driver and what it has started."""

    def __init__(self) -> None:
        self._own = psutil.Process()
        self._has_pss = _rollup(self._own.pid).exists()
        self._cpu_s: float | None = None
        self._read_at = 0.0

    def read(self) -> Reading:
        """Look at all of them. Takes some 20 ms: not for the event loop."""
        rss_bytes, cpu_s = 0, 0.0
        pss_bytes = dict.fromkeys(Part, 0)
        for process in (self._own, *self._own.children(recursive=True)):
            # Whoever ends meanwhile has no memory any more.
            with contextlib.suppress(psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
                rss_bytes += process.memory_info().rss
                # Those that have ended are in the times of the parent that waited for them.
                cpu_s += sum(process.cpu_times()[:4])
                if self._has_pss:
                    pss_bytes[self._part(process)] += self._read_pss(process.pid)
        return Reading(rss_bytes, pss_bytes if self._has_pss else None, self._cpu_percent(cpu_s))

    def _part(self, process: psutil.Process) -> Part:
        if process == self._own:
            return Part.PYTHON
        if process.ppid() == self._own.pid:
            return Part.DRIVER
        return Part.RENDERERS if "--type=renderer" in process.cmdline() else Part.BROWSER

    def _read_pss(self, pid: int) -> int:
        """The proportional memory of a process; 0 for one that is only waited for."""
        try:
            found = _PSS.search(_rollup(pid).read_bytes())
        except PermissionError:
            self._has_pss = False  # a hardened kernel: a sum of some of them would mislead
            return 0
        return int(found[1]) * _KIB if found else 0

    def _cpu_percent(self, cpu_s: float) -> float | None:
        now, before = time.monotonic(), self._cpu_s
        elapsed_s, self._read_at, self._cpu_s = now - self._read_at, now, cpu_s
        # A browser that nobody waited for takes its time along when it ends.
        return None if before is None else max(0.0, 100 * (cpu_s - before) / elapsed_s)


class Trend:
    """What stays of a worker's memory between its renders, and whether that grows over hours.

    Pages come and go; what leaks is there also in the quietest moment of each five minutes.

    Attributes:
        growth_bytes_per_hour: over the time that is remembered; None within the first hour.
        growth_over_s: how long that time is.
    """

    def __init__(self) -> None:
        self.growth_bytes_per_hour: float | None = None
        self.growth_over_s = 0.0
        # When each period began, and the least in it; the last one goes on.
        self._periods: deque[tuple[float, float]] = deque(maxlen=_PERIODS_OF_A_DAY + 1)

    def add(self, at_s: float, memory_bytes: float) -> None:
        """Remember a reading; times only go on."""
        if not self._periods:
            self._periods.append((at_s, memory_bytes))
            return
        began_s, least = self._periods[-1]
        if at_s < began_s + _PERIOD_S:
            self._periods[-1] = (began_s, min(least, memory_bytes))
            return
        self._judge()
        self._periods.append((at_s, memory_bytes))

    @property
    def resting_bytes(self) -> float:
        """The least of this period and the one before; 0 before the first reading."""
        return min((least for _, least in list(self._periods)[-2:]), default=0)

    def _judge(self) -> None:
        """The last period is complete: once in five minutes."""
        if len(self._periods) >= _FEWEST_PERIODS:
            self.growth_bytes_per_hour = slope_per_hour(list(self._periods))
            self.growth_over_s = self._periods[-1][0] - self._periods[0][0]


def _rollup(pid: int) -> Path:
    return Path(f"/proc/{pid}/smaps_rollup")
