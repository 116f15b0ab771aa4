"""A command that takes long: it has a folder while it runs, ends by Ctrl-C, and leaves nothing behind."""

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
from tests.chaos.clients.member import NotReadyError
from tests.kit.paths import ROOT

_INTERRUPTED: Final = 130
# What can be told in a sentence.
_EXPECTED: Final = (DataDirError, EngineError, PrivilegeError, ProcessError, ProductError, NotReadyError)


def run_to_the_end(name: str, work: Callable[[Path], Awaitable[bool]]) -> int:
    """Do the work in a folder of its own, and return the exit code: 0 if it says yes.

    Args:
        name: what messages and the folder are called by.
        work: gets the folder, which is removed afterwards; every process that it started is ended.
    """
    os.chdir(ROOT)
    process_tree.adopt_orphans()
    try:
        with tempfile.TemporaryDirectory(prefix=f"renderfleet-{name}-", ignore_cleanup_errors=True) as folder:
            os.environ["MPLCONFIGDIR"] = folder  # matplotlib leaves its caches there, not in somebody's home
            try:
                return 0 if asyncio.run(_stoppable(work, Path(folder))) else 1
            finally:
                process_tree.end_all_children()
    except (KeyboardInterrupt, asyncio.CancelledError):
        say("\nStopped. Nothing was written, nothing is left running.")
        return _INTERRUPTED
    except TimeoutError:
        say(f"\n{name}: the run did not come to an end and was stopped.")
        return 1
    except (*_EXPECTED, ExceptionGroup) as error:
        reason = _reason(error)
        if not isinstance(reason, _EXPECTED):
            raise
        say(f"\n{name}: {reason}")
        return 1


async def _stoppable(work: Callable[[Path], Awaitable[bool]], folder: Path) -> bool:
    task = asyncio.current_task()
    if task is not None:  # SIGINT cancels it already
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    return await work(folder)


def _reason(error: Exception) -> Exception:
    """The error itself, or the first one of a group of tasks."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error
