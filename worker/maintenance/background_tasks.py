"""Runs the tasks that a worker has for its whole life. If one of them fails, the worker ends."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from fleet.telemetry.logs import get_logger

log = get_logger(__name__)


class BackgroundTasks:
    """Tasks that run until they are cancelled."""

    def __init__(self, *, failed: Callable[[BaseException], None]) -> None:
        """Start no task yet. `failed` is called with the error of a task that raised one."""
        self._failed = failed
        self._tasks: list[asyncio.Task[None]] = []

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Start a task."""
        task = asyncio.create_task(work)
        task.add_done_callback(self._ended)
        self._tasks.append(task)

    def every(self, interval_s: float, action: Callable[[], Awaitable[None]], *, jitter: float = 0.0) -> None:
        """Start a task that repeats `action`.

        Args:
            interval_s: seconds between two calls.
            action: what to call.
            jitter: how much the interval varies by chance: 0.5 means from 50 % to 150 % of `interval_s`.
        """

        async def repeat() -> None:
            while True:
                spread = 1 + jitter * random.uniform(-1, 1)  # noqa: S311 - spreads load, guards nothing
                await asyncio.sleep(interval_s * spread)
                await action()

        self.run(repeat())

    def cancel(self) -> None:
        """Cancel all tasks."""
        for task in self._tasks:
            task.cancel()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("a background task failed, the worker ends", error=repr(error))
            self._failed(error)
