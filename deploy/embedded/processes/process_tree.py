"""Finds the processes below a process, and ends orphans. It reads /proc; without /proc it finds none.

A worker's browser has many processes below it, which must not stay if the worker is killed. So the launcher
becomes the parent of orphans (`adopt_orphans`), and kills them when it ends (`end_all_children`).
"""

import contextlib
import ctypes
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Final

PROC: Final = Path("/proc")

# From linux/prctl.h.
PR_SET_PDEATHSIG: Final = 1
PR_SET_CHILD_SUBREAPER: Final = 36


def _parents() -> dict[int, int]:
    """The parent of each process that exists now and is not a zombie."""
    parents = {}
    for folder in PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError):  # the process has ended meanwhile
            # The name, in parentheses, may contain any character. The other fields follow it.
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                parents[int(folder.name)] = int(parent)
    return parents


def descendants(pid: int) -> list[int]:
    """Ids of all running processes below `pid`."""
    parents = _parents()
    found = [pid]
    for one in found:  # the list grows during the loop
        found += [child for child, parent in parents.items() if parent == one]
    return found[1:]


def send(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process, or with a negative id to its group. Do nothing if it has ended.

    A process that was started with sudo belongs to root, so the signal is sent with sudo, too.
    """
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
    except PermissionError:
        if sudo := shutil.which("sudo"):
            command = [sudo, "-n", "kill", f"-{number.value}", "--", str(pid)]
            subprocess.run(command, capture_output=True, check=False)


def wait_for_end(pids: Iterable[int], timeout_s: float = 2.0) -> None:
    """Wait until killed processes have ended; they need not be children of this process."""
    deadline = time.monotonic() + timeout_s
    waiting = set(pids)
    while waiting and time.monotonic() < deadline:
        waiting &= _parents().keys()
        if waiting:
            time.sleep(0.01)


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


def end_with_parent(parent: int, number: signal.Signals) -> bool:
    """Ask the kernel to send this process a signal when its parent ends (Linux).

    Returns:
        False if `parent` is not the parent any more: it has ended before this call.
    """
    _prctl(PR_SET_PDEATHSIG, number)
    return os.getppid() == parent


def adopt_orphans() -> None:
    """Become the parent of each process below this one whose parent ends, instead of init (Linux)."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def reap_orphans(children: Collection[int]) -> None:
    """Collect the exit codes of orphans that have ended, but not those of `children`.

    Orphans that are running are left alone: a browser detaches some of its processes on purpose.
    """
    if sys.platform != "linux":
        return
    with contextlib.suppress(ChildProcessError):  # there is no child process
        while ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            if ended.si_pid in children:
                return  # the kernel returns it again until its exit code is collected; continue next time
            os.waitpid(ended.si_pid, 0)


def end_all_children() -> None:
    """Kill all processes below this one, and collect the exit codes of its children."""
    while found := descendants(os.getpid()):
        for pid in found:
            send(pid, signal.SIGKILL)
        wait_for_end(found)
    reap_orphans(())
