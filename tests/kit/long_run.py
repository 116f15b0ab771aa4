"""Runs a long command: it gets a temporary folder, stops at Ctrl-C, and leaves no files and no processes."""

import asyncio
import os
import signal
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from deploy.embedded.data_dir import DataDirError
from deploy.embedded.engines.engines import EngineError
from deploy.embedded.install.progress import say
from deploy.embedded.processes import process_tree
from deploy.embedded.processes.privileges import PrivilegeError
from deploy.embedded.processes.process import ProcessError
from tests.bench.clients.product import ProductError
from tests.chaos.clients.supervised_process import NotReadyError
from tests.kit.paths import ROOT

_INTERRUPTED: Final = 130
# Errors whose message is enough; others are shown with a traceback.
_EXPECTED: Final = (DataDirError, EngineError, PrivilegeError, ProcessError, ProductError, NotReadyError)


def run_to_the_end(name: str, work: Callable[[Path], Awaitable[bool]]) -> int:
    """Run `work` in a temporary folder, and return the exit code: 0 if it returns True.

    Args:
        name: of the command, for messages and the folder.
        work: gets the folder. Afterwards the folder is removed, and all processes that it started are ended.
    """
    os.chdir(ROOT)
    process_tree.adopt_orphans()
    try:
        with tempfile.TemporaryDirectory(prefix=f"renderfleet-{name}-", ignore_cleanup_errors=True) as folder:
            os.environ["MPLCONFIGDIR"] = folder  # for the caches of matplotlib
            try:
                return 0 if asyncio.run(_stoppable(work, Path(folder))) else 1
            finally:
                process_tree.end_all_children()
    except (KeyboardInterrupt, asyncio.CancelledError):
        say("\nStopped. Nothing was written, and no process is left running.")
        return _INTERRUPTED
    except TimeoutError:
        say(f"\n{name}: the run did not end in time and was stopped.")
        return 1
    except (*_EXPECTED, ExceptionGroup) as error:
        reason = _reason(error)
        if not isinstance(reason, _EXPECTED):
            raise
        say(f"\n{name}: {reason}")
        return 1


async def _stoppable(work: Callable[[Path], Awaitable[bool]], folder: Path) -> bool:
    task = asyncio.current_task()
    if task is not None:  # asyncio already does this for SIGINT
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await work(folder)


def _reason(error: Exception) -> Exception:
    """The error itself, or the first one of a group of tasks."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error
