"""A job whose last attempt took the browser down renders alone: if it does so again, nobody goes with it.

Readers and one writer, the writer first: while a lone attempt waits or renders, no other one begins, those
that render already finish, and the worker takes nothing new.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager


class Solitude:
    """Who renders beside whom in one worker."""

    def __init__(self, *, hold: Callable[[], None], release: Callable[[], None]) -> None:
        """Prepare an empty worker.

        Args:
            hold: stops the worker from taking jobs; called when a lone attempt comes.
            release: lets it take jobs again; called when the last lone attempt has gone.
        """
        self._hold = hold
        self._release = release
        self._together = 0
        self._lone = 0
        self._is_alone = False
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def place(self, *, alone: bool) -> AsyncIterator[None]:
        """A place to render, alone or beside others; waits until there is one."""
        async with self._alone() if alone else self._beside_others():
            yield

    @asynccontextmanager
    async def _beside_others(self) -> AsyncIterator[None]:
        async with self._changed:
            await self._changed.wait_for(lambda: self._lone == 0)
            self._together += 1
        try:
            yield
        finally:
            self._together -= 1
            await self._tell()

    @asynccontextmanager
    async def _alone(self) -> AsyncIterator[None]:
        self._lone += 1
        self._hold()
        try:
            async with self._changed:
                await self._changed.wait_for(lambda: self._together == 0 and not self._is_alone)
                self._is_alone = True
            try:
                yield
            finally:
                self._is_alone = False
        finally:
            self._lone -= 1
            if self._lone == 0:
                self._release()
            await self._tell()

    async def _tell(self) -> None:
        async with self._changed:
            self._changed.notify_all()
