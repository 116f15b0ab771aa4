"""Chromium's processes as Linux shows them in /proc: which there are and how much memory they use.

Other systems have no /proc, so nothing is measured or limited there.
Formats: proc(5), proc_pid_status(5), proc_pid_stat(5).
"""

import contextlib
import os
import re
from dataclasses import dataclass
from typing import Final

from worker.resources.proc_files import read_file_of

_KIB: Final = 1024
_TICK_S: Final = 1 / os.sysconf("SC_CLK_TCK")
_FIELDS: Final = re.compile(rb"^(VmHWM|RssAnon|RssFile|RssShmem):\s+(\d+) kB$", re.MULTILINE)
_KIND: Final = re.compile(rb"--type=([a-z-]+)")
_RENDERER: Final = b"renderer"
# The kernel keeps the first 15 letters of a thread's name. Source: ThreadCPUThrottler in Blink's scheduler.
_THROTTLING_THREAD: Final = b"CPUThrottlingThread"[:15]
_ZYGOTE: Final = b"zygote"
_LOWEST_PRIORITY: Final = 19
_GPU: Final = b"gpu-process"
_UTILITY: Final = b"utility"
# Chromium's sandbox does not let these start processes.
_WITHOUT_CHILDREN: Final = frozenset((_RENDERER, _GPU, _UTILITY))


@dataclass(frozen=True, slots=True)
class ProcessMemory:
    """Memory of one process without program code, which all processes of Chromium share.

    Attributes:
        own_bytes: anonymous and shared memory, now.
        peak_bytes: the highest value so far, peaks between two measurements included.
    """

    own_bytes: int
    peak_bytes: int


def read_memory(pid: int) -> ProcessMemory | None:
    """Memory of a process; None when it has ended."""
    fields = {name: int(number) * _KIB for name, number in _FIELDS.findall(read_file_of(pid, "status"))}
    if b"VmHWM" not in fields:
        return None  # it has ended: a zombie process has no memory
    own = fields[b"RssAnon"] + fields[b"RssShmem"]
    # The kernel keeps only the peak of all memory, code included. Code is loaded early and stays loaded, so
    # its size now is subtracted.
    return ProcessMemory(own, max(own, fields[b"VmHWM"] - fields[b"RssFile"]))


def read_cpu_s(pid: int) -> float:
    """CPU time of a process, all its threads, in seconds; 0 if it has ended."""
    fields = _stat(pid)
    return (int(fields[11]) + int(fields[12])) * _TICK_S if fields else 0.0


def read_wanted_s(pid: int) -> float:
    """For how many seconds the main thread of a process ran or waited for a core; 0 if it has ended.

    While it grows as fast as the clock, the thread is never idle, be the machine ever so busy. It is 0 where
    the kernel does not count it (`/proc/PID/schedstat`, the kernel's Documentation/scheduler/sched-stats).
    """
    fields = read_file_of(pid, "schedstat").split()
    return (int(fields[0]) + int(fields[1])) / 1e9 if fields else 0.0


def read_page_faults(pid: int) -> int:
    """How many memory pages a process has used for the first time (minor page faults); 0 if it has ended."""
    fields = _stat(pid)
    return int(fields[7]) if fields else 0


def command_line(pid: int) -> bytes:
    """The words of a process's command line, each with a zero byte behind it; empty when it has ended."""
    return read_file_of(pid, "cmdline")


def descendants(pid: int) -> list[int]:
    """All processes below a browser process that still run.

    Every thread of a process is asked for its children. Not asking those that have none saves half of
    the time with two pages, more with more.
    """
    found = []
    for thread in _thread_ids(pid):
        for child in _children(pid, int(thread)):
            found.append(child)
            if _kind(child) not in _WITHOUT_CHILDREN:
                found += descendants(child)
    return found


def forked_by_zygote(pid: int) -> list[int]:
    """The processes that a zygote has started. It has one thread."""
    return _children(pid, pid)


def read_threads(pid: int) -> int:
    """How many threads a process has; 0 if it has ended."""
    fields = _stat(pid)
    return int(fields[17]) if fields else 0


def put_behind_others(pid: int) -> None:
    """Give all threads of a process the lowest priority; threads that it starts afterwards inherit it."""
    with contextlib.suppress(OSError):  # it has ended, or belongs to another user
        for thread in os.listdir(f"/proc/{pid}/task"):  # noqa: PTH208 - often, and Path costs more
            os.setpriority(os.PRIO_PROCESS, int(thread), _LOWEST_PRIORITY)


def is_marked(pid: int) -> bool:
    """Whether `Page.marked` has marked this renderer: only then it has the thread that throttles its CPU."""
    return any(_thread_name(pid, thread) == _THROTTLING_THREAD for thread in _thread_ids(pid))


class BrowserProcesses:
    """The processes below one browser process.

    Renderers are started by a process that Chromium calls the zygote. The other processes are started by the
    browser or by another zygote, which happens seldom. So the whole tree is read seldom (1 ms of CPU), and
    the children of the zygote are read often (15 us).
    Source: docs/linux/zygote.md in Chromium's repository.

    Attributes:
        shared: the processes that all pages share: browser, GPU, network and other services.
        services: the same without the GPU process.
    """

    def __init__(self, browser_pid: int) -> None:
        self.shared: frozenset[int] = frozenset()
        self.services: frozenset[int] = frozenset()
        self._browser_pid = browser_pid
        self._kinds: dict[int, bytes] = {}
        self._zygotes: frozenset[int] = frozenset()
        self.read_tree()

    def read_tree(self) -> None:
        """Read the whole tree again, and update `shared`."""
        kinds = {pid: self._kind(pid) for pid in descendants(self._browser_pid)}
        self._kinds = kinds
        self._zygotes = frozenset(pid for pid, kind in kinds.items() if kind == _ZYGOTE)
        helpers = (pid for pid, kind in kinds.items() if kind not in {_ZYGOTE, _RENDERER})
        self.shared = frozenset((self._browser_pid, *helpers))
        self.services = frozenset(pid for pid in self.shared if kinds.get(pid) != _GPU)

    def renderers(self) -> frozenset[int]:
        """The renderer processes that exist now."""
        # Not without `_zygotes`: a renderer that `read_tree` met in its first moment is among them.
        children = {pid for zygote in self._zygotes for pid in forked_by_zygote(zygote)}
        self._kinds |= {pid: self._kind(pid) for pid in children}
        return frozenset(pid for pid in children if self._kinds[pid] == _RENDERER)

    def _kind(self, pid: int) -> bytes:
        known = self._kinds.get(pid, _ZYGOTE)
        # A new process has the command line of its zygote for a moment.
        return _kind(pid) if known == _ZYGOTE else known


def _thread_ids(pid: int) -> list[str]:
    try:
        return os.listdir(f"/proc/{pid}/task")  # noqa: PTH208 - as above
    except OSError:
        return []


def _children(pid: int, thread: int) -> list[int]:
    """The processes that one thread has started."""
    return [int(word) for word in read_file_of(pid, f"task/{thread}/children").split()]


def _kind(pid: int) -> bytes:
    """Chromium's `--type=` of a process; empty for the browser process and for a process that has ended."""
    found = _KIND.search(command_line(pid))
    return found[1] if found else b""


def _thread_name(pid: int, thread: str) -> bytes:
    return read_file_of(pid, f"task/{thread}/comm").strip()


def _stat(pid: int) -> list[bytes]:
    """Its `stat` from the third field of proc_pid_stat(5) on; empty if it has ended."""
    return read_file_of(pid, "stat").rpartition(b")")[2].split()
