"""What a worker does beside its attempts, for as long as it lives: tasks whose failure ends the worker."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from fleet.telemetry.logs import get_logger

log = get_logger(__name__)


class Background:
    """Tasks that never end by themselves. An error that nobody expected in one of them is told, once."""

    def __init__(self, *, failed: Callable[[BaseException], None]) -> None:
        """Begin nothing yet; `failed` gets the error of a task that has ended by one."""
        self._failed = failed
        self._tasks: list[asyncio.Task[None]] = []

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin a task."""
        task = asyncio.create_task(work)
        task.add_done_callback(self._ended)
        self._tasks.append(task)

    def every(self, interval_s: float, action: Callable[[], Awaitable[None]], *, jitter: float = 0.0) -> None:
        """Repeat `action`, spread by this share of the interval to both sides."""

        async def repeat() -> None:
            while True:
                spread = 1 + jitter * random.uniform(-1, 1)  # noqa: S311 - spreads load, guards nothing
                await asyncio.sleep(interval_s * spread)
                await action()

        self.run(repeat())

    def cancel(self) -> None:
        """End them all."""
        for task in self._tasks:
            task.cancel()

    def _ended(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("worker cannot go on", error=repr(error))
            self._failed(error)
