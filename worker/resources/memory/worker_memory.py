"""Memory and CPU of a worker and all processes below it.

RSS counts a memory page again in each process that shares it. PSS divides the page among these processes, so
only PSS values may be added up. The kernel computes PSS by walking all pages (`smaps_rollup`), which takes
0.3 to 2 ms of CPU per process. A worker that renders four pages has 13 processes and takes 21 ms; every 15
seconds that is 0.14 % of a core. So it is done in a thread, and not for each heartbeat.
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
# On the command line of our own helpers, and of what they fork (fleet/confined).
_FORK_SERVER: Final = "fork_server.py"
_PSS: Final = re.compile(rb"^Pss:\s+(\d+) kB$", re.MULTILINE)


class ProcessGroup(StrEnum):
    """A group of a worker's processes; a label of a metric."""

    PYTHON = "python"
    DRIVER = "driver"
    BROWSER = "browser"
    RENDERERS = "renderers"


@dataclass(frozen=True, slots=True)
class ProcessesReading:
    """One measurement of all processes of a worker.

    Attributes:
        rss_bytes: sum of the resident memory; shared memory is counted once per process.
        pss_bytes: proportional memory by group; None where the system does not have this figure.
        cpu_percent: CPU time since the last reading, in percent of one core; None at the first reading.
    """

    rss_bytes: int
    pss_bytes: dict[ProcessGroup, int] | None
    cpu_percent: float | None

    @property
    def bytes(self) -> int:
        """Memory of all processes: PSS where it is known, otherwise RSS."""
        return self.rss_bytes if self.pss_bytes is None else sum(self.pss_bytes.values())


class WorkerProcesses:
    """This process and all processes below it: Playwright's driver and the browsers."""

    def __init__(self, pid: int | None = None) -> None:
        """Measure nothing yet. `pid` is of another worker than this process, for those who compare."""
        self._own = psutil.Process(pid)
        self._has_pss = _rollup(self._own.pid).exists()
        self._cpu_s: float | None = None
        self._read_at = 0.0

    def read(self) -> ProcessesReading:
        """Measure all processes. Takes about 20 ms: call it in a thread, not in the event loop."""
        rss_bytes, cpu_s = 0, 0.0
        pss_bytes = dict.fromkeys(ProcessGroup, 0)
        for process in (self._own, *self._own.children(recursive=True)):
            # A process that ends meanwhile has no memory any more.
            with contextlib.suppress(psutil.NoSuchProcess, FileNotFoundError, ProcessLookupError):
                rss_bytes += process.memory_info().rss
                # The time of a process that has ended is added to the parent that waited for it.
                cpu_s += sum(process.cpu_times()[:4])
                if self._has_pss:
                    pss_bytes[self._group(process)] += self._read_pss(process.pid)
        return ProcessesReading(rss_bytes, pss_bytes if self._has_pss else None, self._cpu_percent(cpu_s))

    def _group(self, process: psutil.Process) -> ProcessGroup:
        words = process.cmdline()
        if process == self._own or any(word.endswith(_FORK_SERVER) for word in words):
            return ProcessGroup.PYTHON
        if process.ppid() == self._own.pid:
            return ProcessGroup.DRIVER
        return ProcessGroup.RENDERERS if "--type=renderer" in words else ProcessGroup.BROWSER

    def _read_pss(self, pid: int) -> int:
        """The proportional memory of a process; 0 for a zombie process."""
        try:
            found = _PSS.search(_rollup(pid).read_bytes())
        except PermissionError:
            # A hardened kernel forbids it for some processes. A sum of the others would be misleading.
            self._has_pss = False
            return 0
        return int(found[1]) * _KIB if found else 0

    def _cpu_percent(self, cpu_s: float) -> float | None:
        now, before = time.monotonic(), self._cpu_s
        elapsed_s, self._read_at, self._cpu_s = now - self._read_at, now, cpu_s
        # The time of a process that ended without a parent waiting for it is lost: the sum may fall.
        return None if before is None else max(0.0, 100 * (cpu_s - before) / elapsed_s)


def _rollup(pid: int) -> Path:
    return Path(f"/proc/{pid}/smaps_rollup")
