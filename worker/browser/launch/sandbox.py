"""Whether pages are in Chromium's sandbox: not what was asked for, but what Linux says of a renderer.

Three walls, of which each page's process must have all: filters of system calls (seccomp), no way to gain
privileges, and namespaces of its own for processes and for the network. The first two say nothing in a
container, where each process has them from its runtime, Chromium or not: so filters are counted, and
namespaces compared, against this process.
Formats: proc_pid_status(5), proc_pid_ns(5). Chromium's side: docs/linux/sandboxing.md in its repository.
"""

import asyncio
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from fleet.errors import ErrorType, RenderError
from fleet.telemetry.logs import get_logger
from fleet.workers.vitals import Sandbox
from worker.browser.launch.launch_advice import SANDBOX_ADVICE

# A renderer locks itself up right after its birth, before it reads anything that a page sends.
_PATIENCE_S: Final = 2.0
_POLL_S: Final = 0.01
_FIELDS: Final = re.compile(r"^(NoNewPrivs|NSpid|Seccomp|Seccomp_filters):\s+(.+)$", re.MULTILINE)
_SECCOMP_FILTER: Final = "2"

log = get_logger(__name__)


async def verify(
    renderers: Callable[[], Iterable[int]], *, proc: Path = Path("/proc"), patience_s: float = _PATIENCE_S
) -> Sandbox:
    """Look at the renderers of a browser that was just launched.

    Args:
        renderers: tells those that live now; there must be one.
        proc: where Linux shows processes.
        patience_s: seconds that they may take to lock themselves up.

    Returns:
        ON, or UNVERIFIED on systems without /proc, where nothing can be seen.

    Raises:
        RenderError: `browser_unavailable`: a wall is missing, or there is no renderer to be seen.
    """
    if not (proc / "self" / "status").exists():
        log.warning("this system does not show whether Chromium's sandbox is on (no /proc)")
        return Sandbox.UNVERIFIED
    deadline = asyncio.get_running_loop().time() + patience_s
    while lacking := _lacking(renderers(), proc):
        if asyncio.get_running_loop().time() > deadline:
            raise RenderError(
                ErrorType.BROWSER_UNAVAILABLE,
                f"Chromium's sandbox is not on: {', '.join(lacking)}. {SANDBOX_ADVICE}",
            )
        await asyncio.sleep(_POLL_S)  # a process tells nobody that it has locked itself up
    return Sandbox.ON


def missing_walls(pid: int, *, proc: Path = Path("/proc")) -> list[str]:
    """What keeps a process from being in Chromium's sandbox, in words; empty when nothing does."""
    process, own = proc / str(pid), proc / "self"
    try:
        state, ours = _status(process), _status(own)
    except OSError:
        return ["its process has ended"]
    lacking = []
    # Kernels before 5.9 do not count the filters: there the namespaces have to tell.
    filters, own_filters = state.get("Seccomp_filters"), ours.get("Seccomp_filters")
    counted = filters is not None and own_filters is not None
    if state.get("Seccomp") != _SECCOMP_FILTER or (counted and int(filters or 0) <= int(own_filters or 0)):
        lacking.append("a page may make every system call (no seccomp filter of Chromium's)")
    if state.get("NoNewPrivs") != "1":
        lacking.append("a page may gain privileges (NoNewPrivs is 0)")
    if len(state.get("NSpid", "").split()) <= len(ours.get("NSpid", "").split()):
        lacking.append("a page sees other processes (no process namespace of its own)")
    if _is_same(process / "ns" / "net", own / "ns" / "net"):
        lacking.append("a page's process has a network (no network namespace of its own)")
    return lacking


def _lacking(pids: Iterable[int], proc: Path) -> list[str]:
    """What is missing at any of the processes, each once."""
    found = list(pids)
    if not found:
        return ["no page's process is to be seen in /proc"]
    return list(dict.fromkeys(wall for pid in found for wall in missing_walls(pid, proc=proc)))


def _status(process: Path) -> dict[str, str]:
    return dict(_FIELDS.findall((process / "status").read_text()))


def _is_same(link: Path, own: Path) -> bool:
    try:
        return link.readlink() == own.readlink()
    except OSError:
        # Chromium's setuid helper leaves processes that nobody may look into: that takes being apart.
        return False
