"""The process group of one Chromium: Playwright makes its first process the leader. No process leaves it.

A process of Chromium that was stopped (SIGSTOP, or a frozen container) does not hear that its browser has
ended, and outlives it: only SIGKILL to the whole group leaves nothing behind.
Formats: proc(5), proc_pid_stat(5).
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from fleet.telemetry.logs import get_logger
from worker.resources.chromium_processes import command_line

_GONE: Final = frozenset((b"Z", b"X"))
# The kernel ends a killed process within milliseconds. A process that waits for a disk takes longer.
_END_TIMEOUT_S: Final = 5.0
_LOOK_INTERVAL_S: Final = 0.005

log = get_logger(__name__)


class BrowserProcessGroup:
    """All processes of one browser."""

    def __init__(self, member: int) -> None:
        """The group of a process.

        Args:
            member: a living process of the browser. It need not be the leader: where Chromium is started by a
                shell script, that script is.

        Raises:
            ProcessLookupError: it has ended.
        """
        self._id = os.getpgid(member)
        if self._id == os.getpgid(0):
            raise ProcessLookupError(f"process {member} has no group of its own")

    def kill(self) -> None:
        """SIGKILL to all of them; does nothing when they have ended."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._id, signal.SIGKILL)

    async def end(self) -> None:
        """Kill all of them, and return when none is left. Never raises."""
        self.kill()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_END_TIMEOUT_S):
                while self.members():  # noqa: ASYNC110 - the kernel tells nobody
                    await asyncio.sleep(_LOOK_INTERVAL_S)
                return
        log.warning("killed processes of a browser have not ended", pids=self.members())

    def members(self) -> list[int]:
        """Those that have not ended. Processes that nobody has waited for (zombies) have."""
        try:
            os.killpg(self._id, 0)
        except (ProcessLookupError, PermissionError):
            return []
        return [pid for pid, state, group in _processes() if group == self._id and state not in _GONE]


def kill_browser_with(profile: Path) -> None:
    """Kill the browser that has this profile, if there is one: for a start that has failed half-way."""
    word = b"--user-data-dir=" + os.fsencode(profile)
    for pid, state, _ in _processes():
        if state not in _GONE and word in command_line(pid).split(b"\0"):
            with contextlib.suppress(ProcessLookupError):
                BrowserProcessGroup(pid).kill()


def _processes() -> Iterator[tuple[int, bytes, int]]:
    """Number, state (one letter) and group of each process; none where there is no /proc."""
    try:
        names = os.listdir("/proc")  # noqa: PTH208 - as below
    except OSError:
        return
    for name in filter(str.isdigit, names):
        try:
            with open(f"/proc/{name}/stat", "rb") as file:  # noqa: PTH123 - many, and Path costs more
                state, _parent, group, *_ = file.read().rpartition(b")")[2].split()
        except OSError:
            continue  # it has ended meanwhile
        yield int(name), state, int(group)
