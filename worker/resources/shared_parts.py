"""Detects that a process which all pages of a browser share has ended or was stopped.

The browser process still answers requests when its GPU process, network service or zygotes have ended.
Chromium starts a new GPU process and a new network service by itself, but pages that exist keep what belonged
to the old one: after the network service had ended, the pages prepared in advance gave blank pictures
(measured). Zygotes are never started again, so no page gets a renderer.

A process may also be stopped: by SIGSTOP, or by the kernel while its container is frozen. A stopped process
that one page needs is killed, so that this page fails at once instead of at its timeout.
Formats: proc(5), proc_pid_stat(5).
"""

import contextlib
import os
import re
import signal
from collections.abc import Callable
from enum import StrEnum
from typing import Final

from fleet.telemetry.logs import get_logger
from worker.resources.chromium_processes import command_line, descendants, forked_by_zygote
from worker.resources.proc_files import read_file_of

_TYPE: Final = re.compile(rb"--type=([a-z-]+)")
_NETWORK: Final = b"network.mojom.NetworkService"
_STOPPED: Final = b"T"
_GONE: Final = frozenset((b"", b"Z", b"X"))
# To read the whole tree takes a file for each of the browser's 30 threads. Between two readings, renderers
# come and go below the zygotes. Other processes seldom come, unless one of them has ended.
_LOOKS_PER_TREE_READ: Final = 5
# After its start a browser starts its other processes.
_FIRST_LOOKS: Final = 5

log = get_logger(__name__)


class ProcessRole(StrEnum):
    """What a process is for."""

    BROWSER = "browser process"
    DRIVER = "Playwright's driver"
    GPU = "GPU process"
    NETWORK = "network service"
    ZYGOTE = "zygote"
    OTHER = "process of one page"


# Without one of these the browser is of no use to any page.
_SHARED: Final = frozenset((ProcessRole.BROWSER, ProcessRole.GPU, ProcessRole.NETWORK, ProcessRole.ZYGOTE))


class SharedParts:
    """The processes of one browser, checked once a second while pages render: 0.3 ms of CPU.

    Args:
        browser_pid: the browser process.
        stopped_by_us: gives the processes that the worker itself has stopped for a moment.

    Attributes:
        loss: why the browser has to be replaced, in words for the log; None: it has not to be.
    """

    def __init__(
        self, browser_pid: int, stopped_by_us: Callable[[], frozenset[int]] = frozenset[int]
    ) -> None:
        self.loss: str | None = None
        self._stopped_by_us = stopped_by_us
        self._browser_pid = browser_pid
        self._driver_pid = _parent(browser_pid)
        self._looks = 0
        self._seen: dict[int, ProcessRole] = {}
        self._needed: dict[int, ProcessRole] = {}
        self._stopped: frozenset[int] = frozenset()

    def look(self) -> str | None:
        """Check once, and return `loss`. A process of one page is killed if two checks found it stopped."""
        self.loss = self.loss or self._find_loss()
        return self.loss

    def has_ended(self) -> bool:
        """Whether a process that all pages need has ended, or is ending. Takes less time than `look`.

        A process that ends loses its memory first, and its command line with it. Then it closes its
        connections, which is when others notice, and only then its state says that it has ended. On a busy
        machine a render failed in between.
        """
        return self.loss is not None or any(not command_line(pid) for pid in self._needed)

    def _find_loss(self) -> str | None:
        alive = {pid: state for pid in self._processes() if (state := _state(pid)) not in _GONE}
        words = {pid: command_line(pid) for pid in alive}
        for pid, part in self._needed.items():
            # Without a command line it is ending (see `has_ended`), and at the next check it has no role.
            if not words.get(pid):
                return f"its {part} has ended"
        parts = {pid: self._role(pid, words[pid]) for pid in alive}
        self._needed = {pid: part for pid, part in parts.items() if self._is_needed(pid, part)}
        self._seen = parts
        if self._driver_pid is not None:
            alive[self._driver_pid], parts[self._driver_pid] = _state(self._driver_pid), ProcessRole.DRIVER
        stopped = frozenset(pid for pid, state in alive.items() if state == _STOPPED) - self._stopped_by_us()
        lasting, self._stopped = stopped & self._stopped, stopped
        for pid in lasting:
            if parts[pid] in _SHARED:
                return f"its {parts[pid]} was stopped"
            log.warning("killing a stopped process", pid=pid, part=parts[pid])
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return None

    def _processes(self) -> set[int]:
        """Those of the browser, itself included; some of them may have ended."""
        self._looks += 1
        if self._looks <= _FIRST_LOOKS or self._looks % _LOOKS_PER_TREE_READ == 0:
            return {self._browser_pid, *descendants(self._browser_pid)}
        zygotes = (pid for pid, part in self._seen.items() if part is ProcessRole.ZYGOTE)
        return self._seen.keys() | {pid for zygote in zygotes for pid in forked_by_zygote(zygote)}

    def _is_needed(self, pid: int, part: ProcessRole) -> bool:
        """Whether the browser is of no use without this process.

        A new process has the command line of its zygote for a moment, and Chromium may start a GPU process
        only to ask it what it can do. So these roles count when seen twice.
        """
        if part is ProcessRole.NETWORK:
            return True
        return part in _SHARED and self._seen.get(pid) is part

    def _role(self, pid: int, words: bytes) -> ProcessRole:
        if pid == self._browser_pid:
            return ProcessRole.BROWSER
        found = _TYPE.search(words)
        match found[1] if found else b"":
            case b"gpu-process":
                return ProcessRole.GPU
            case b"zygote":
                return ProcessRole.ZYGOTE
            case b"utility" if _NETWORK in words:
                return ProcessRole.NETWORK
            case _:
                return ProcessRole.OTHER


def _state(pid: int) -> bytes:
    """The state of a process as one letter, such as `T` for stopped; empty if there is no such process."""
    return read_file_of(pid, "stat").rpartition(b")")[2].strip()[:1]


def _parent(pid: int) -> int | None:
    fields = read_file_of(pid, "stat").rpartition(b")")[2].split()
    return int(fields[1]) if fields else None
