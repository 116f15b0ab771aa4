"""Work that goes on by itself, so that cancelling whoever began it cannot stop it."""

import asyncio
from collections.abc import Coroutine
from typing import Any


class Detached:
    """Tasks of one kind that somebody will wait for in the end."""

    def __init__(self) -> None:
        """None runs."""
        self._running: set[asyncio.Task[None]] = set()

    def run(self, work: Coroutine[Any, Any, None]) -> None:
        """Begin one."""
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def cancel(self) -> None:
        """Ask all of them to end."""
        for task in self._running:
            task.cancel()

    async def wait(self) -> None:
        """Return when all have ended, those too that begin meanwhile."""
        while self._running:
            await asyncio.wait(self._running)
