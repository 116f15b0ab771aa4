"""What a worker's processes take: memory and CPU of the whole tree below it.

RSS counts a page again in each process that shares it, PSS divides it among them: only PSS may be summed. The
kernel computes it by walking all pages (`smaps_rollup`), 0.3 to 2 ms of CPU a process. The 13 of a worker
that renders four pages take 21 ms, every 15 seconds 0.14 % of a core: that belongs into a thread, and not
into every heartbeat.
"""

import contextlib
import re
import time
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

import psutil

_KIB: Final = 1024
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


class WorkerProcesses:
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


def _rollup(pid: int) -> Path:
    return Path(f"/proc/{pid}/smaps_rollup")
