"""Chromium's processes as Linux shows them in /proc: who they are and how much memory they hold.

Other systems have no /proc: there is nothing to see, and so nothing is measured or limited.
Formats: proc(5), proc_pid_status(5), proc_pid_stat(5).
"""

import os
import re
from dataclasses import dataclass
from typing import Final

_KIB: Final = 1024
_FIELDS: Final = re.compile(rb"^(VmHWM|RssAnon|RssFile|RssShmem):\s+(\d+) kB$", re.MULTILINE)
_KIND: Final = re.compile(rb"--type=([a-z-]+)")
_RENDERER: Final = b"renderer"
# The kernel keeps 15 letters. Source: ThreadCPUThrottler in Blink's scheduler.
_THROTTLING_THREAD: Final = b"CPUThrottlingThread"[:15]
_ZYGOTE: Final = b"zygote"


@dataclass(frozen=True, slots=True)
class Memory:
    """What one process holds for itself: program code, which all of Chromium's share, is not counted.

    Attributes:
        own_bytes: anonymous and shared memory, now.
        peak_bytes: the most that it ever was; also what came and went between two looks.
    """

    own_bytes: int
    peak_bytes: int


def read_memory(pid: int) -> Memory | None:
    """Memory of a process; None when it has ended."""
    try:
        with open(f"/proc/{pid}/status", "rb") as file:  # noqa: PTH123 - ten times a second, Path costs more
            fields = {name: int(number) * _KIB for name, number in _FIELDS.findall(file.read())}
    except OSError:
        return None
    if b"VmHWM" not in fields:
        return None  # a zombie has no memory
    own = fields[b"RssAnon"] + fields[b"RssShmem"]
    # The kernel keeps the peak of the sum alone. Code is loaded early and stays: take off what it is now.
    return Memory(own, max(own, fields[b"VmHWM"] - fields[b"RssFile"]))


def read_faults(pid: int) -> int:
    """How many pages of memory a process has touched for the first time so far; 0 when it has ended."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:  # noqa: PTH123 - as above
            return int(file.read().rpartition(b")")[2].split()[7])
    except OSError:
        return 0


def is_marked(pid: int) -> bool:
    """Whether the process has the thread that slows its page down, which no page has that nobody marked."""
    try:
        threads = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208 - as above
    except OSError:
        return False
    return any(_thread_name(pid, thread) == _THROTTLING_THREAD for thread in threads)


class BrowserProcesses:
    """The tree below one browser process.

    Renderers are born by a zygote, the other processes by the browser or by another zygote, which do so now
    and then: the tree is walked seldom (1 ms of CPU), the zygote's children are read often (15 us).
    Source: docs/linux/zygote.md in Chromium's repository.
    """

    def __init__(self, browser_pid: int) -> None:
        self.shared: frozenset[int] = frozenset()
        self._browser_pid = browser_pid
        self._kinds: dict[int, bytes] = {}
        self._zygotes: frozenset[int] = frozenset()
        self.walk()

    def walk(self) -> None:
        """Look at the whole tree again.

        Leaves in `shared` the processes that all pages share: browser, GPU, network and other services.
        """
        kinds = {pid: self._kind(pid) for pid in _descendants(self._browser_pid)}
        self._kinds = kinds
        self._zygotes = frozenset(pid for pid, kind in kinds.items() if kind == _ZYGOTE)
        helpers = (pid for pid, kind in kinds.items() if kind not in {_ZYGOTE, _RENDERER})
        self.shared = frozenset((self._browser_pid, *helpers))

    def renderers(self) -> frozenset[int]:
        """The renderer processes that live now."""
        born = {pid for zygote in self._zygotes for pid in _children(zygote, zygote)} - self._zygotes
        self._kinds |= {pid: self._kind(pid) for pid in born}
        return frozenset(pid for pid in born if self._kinds[pid] == _RENDERER)

    def _kind(self, pid: int) -> bytes:
        known = self._kinds.get(pid, _ZYGOTE)
        # A newborn carries its zygote's name for a moment.
        return _kind(pid) if known == _ZYGOTE else known


def _descendants(pid: int) -> list[int]:
    found = []
    try:
        threads = os.listdir(f"/proc/{pid}/task")  # noqa: PTH208 - as above
    except OSError:
        return []
    for thread in threads:
        for child in _children(pid, int(thread)):
            found += [child, *_descendants(child)]
    return found


def _children(pid: int, thread: int) -> list[int]:
    """The processes that one thread has started."""
    try:
        with open(f"/proc/{pid}/task/{thread}/children", "rb") as file:  # noqa: PTH123 - as above
            return [int(word) for word in file.read().split()]
    except OSError:
        return []


def _kind(pid: int) -> bytes:
    """Chromium's own word for a process; empty for the browser process and for what has ended."""
    try:
        with open(f"/proc/{pid}/cmdline", "rb") as file:  # noqa: PTH123 - as above
            found = _KIND.search(file.read())
    except OSError:
        return b""
    return found[1] if found else b""


def _thread_name(pid: int, thread: str) -> bytes:
    try:
        with open(f"/proc/{pid}/task/{thread}/comm", "rb") as file:  # noqa: PTH123 - as above
            return file.read().strip()
    except OSError:
        return b""
