"""Who descends from whom, as /proc tells it, and what becomes of orphans. Without /proc nobody does.

A worker's browser is a tree of its own making. Whatever happens to the worker, no part of that tree may stay:
the launcher adopts orphans (`adopt_orphans`) and ends them with itself (`end_all_children`).
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
    """Parent of every process that exists now and is no zombie."""
    parents = {}
    for folder in PROC.glob("[0-9]*"):
        with contextlib.suppress(OSError):  # it ended while we looked
            # The name, in parentheses, may hold anything; fields are counted from behind it.
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
            if state != "Z":
                parents[int(folder.name)] = int(parent)
    return parents


def descendants(pid: int) -> list[int]:
    """Ids of all living processes below `pid`."""
    parents = _parents()
    family = [pid]
    for member in family:  # grows while it is walked
        family += [child for child, parent in parents.items() if parent == member]
    return family[1:]


def send(pid: int, number: signal.Signals) -> None:
    """Send a signal to a process, or with a negative id to its group; nothing happens if it is gone.

    A process that we started through sudo is root's; then sudo has to end it too.
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
    """Wait until processes that were killed are gone; they may be anybody's children."""
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
    """Have the kernel send this process a signal when its parent ends (Linux).

    Returns:
        False when `parent` is our parent no more: it ended before it could be asked for.
    """
    _prctl(PR_SET_PDEATHSIG, number)
    return os.getppid() == parent


def adopt_orphans() -> None:
    """Become the parent of every descendant whose parent ends, in place of init (Linux)."""
    _prctl(PR_SET_CHILD_SUBREAPER, 1)


def reap_orphans(children: Collection[int]) -> None:
    """Reap adopted processes that have ended; `children` are our own, whoever started them reaps them.

    Living orphans are left alone: a browser detaches some of its helpers on purpose.
    """
    if sys.platform != "linux":
        return
    with contextlib.suppress(ChildProcessError):  # there is nothing to wait for
        while ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            if ended.si_pid in children:
                return  # it stays first in line until its owner reaps it; the rest comes next time
            os.waitpid(ended.si_pid, 0)


def end_all_children() -> None:
    """Kill and reap whatever still descends from this process, its own children included."""
    while family := descendants(os.getpid()):
        for pid in family:
            send(pid, signal.SIGKILL)
        wait_for_end(family)
    reap_orphans(())
