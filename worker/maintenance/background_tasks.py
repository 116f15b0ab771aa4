"""Runs the tasks that a worker has for its whole life. If one of them fails, the worker ends."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, Final, TypeAlias

from fleet.telemetry.logs import get_logger

# A cancelled task may still wait for a Postgres that does not answer.
_STOP_TIMEOUT_S: Final = 2.0

TaskFunction: TypeAlias = Callable[[], Coroutine[Any, Any, None]]

log = get_logger(__name__)


class BackgroundTasks:
    """Tasks that run until they are cancelled."""

    def __init__(self, tasks: Mapping[str, TaskFunction], *, failed: Callable[[BaseException], None]) -> None:
        """Start no task yet.

        Args:
            tasks: what to run, by the name that the log gives it.
            failed: is called with the error of a task that raised one.
        """
        self._functions = tasks
        self._failed = failed
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Start all tasks."""
        for name, function in self._functions.items():
            task = asyncio.create_task(function(), name=name)
            task.add_done_callback(self._ended)
            self._tasks.append(task)

    async def stop(self) -> None:
        """Cancel all tasks, and wait until they have ended, but not long."""
        for task in self._tasks:
            task.cancel()
        _, running = await asyncio.wait(self._tasks, timeout=_STOP_TIMEOUT_S)
        for task in running:
            log.warning("a background task did not end in time", task=task.get_name())

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a background task failed, the worker ends", task=task.get_name(), error=repr(error))
            self._failed(error)


async def every(interval_s: float, action: Callable[[], Awaitable[None]], *, jitter: float = 0.0) -> None:
    """Repeat `action` until this is cancelled.

    Args:
        interval_s: seconds before each call.
        action: what to call.
        jitter: how much the interval varies by chance: 0.5 means from 50 % to 150 % of `interval_s`.
    """
    while True:
        spread = 1 + jitter * random.uniform(-1, 1)  # noqa: S311 - spreads load, guards nothing
        await asyncio.sleep(interval_s * spread)
        await action()
