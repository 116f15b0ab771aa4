"""Lets a job render alone if an earlier attempt of it crashed: a second crash then harms no other job.

It is a lock with readers and one writer, and the writer goes first: while such an attempt waits or renders,
no other attempt begins and the worker takes no jobs. Attempts that render already finish before it begins.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager


class Isolation:
    """Decides which attempts of one worker may render at the same time."""

    def __init__(self, *, hold: Callable[[], None], release: Callable[[], None]) -> None:
        """Begin with no attempts.

        Args:
            hold: stops the worker from taking jobs; called for each attempt that has to render alone.
            release: lets the worker take jobs again; called when the last such attempt has ended.
        """
        self._hold = hold
        self._release = release
        self._shared = 0
        self._isolated = 0
        self._is_isolated_rendering = False
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def rendering(self, *, alone: bool) -> AsyncIterator[None]:
        """Wait until an attempt may render, alone or beside others; the block is the render."""
        async with self._rendering_alone() if alone else self._rendering_beside_others():
            yield

    @asynccontextmanager
    async def _rendering_beside_others(self) -> AsyncIterator[None]:
        async with self._changed:
            await self._changed.wait_for(lambda: self._isolated == 0)
            self._shared += 1
        try:
            yield
        finally:
            self._shared -= 1
            await self._notify()

    @asynccontextmanager
    async def _rendering_alone(self) -> AsyncIterator[None]:
        self._isolated += 1
        self._hold()
        try:
            async with self._changed:
                await self._changed.wait_for(lambda: self._shared == 0 and not self._is_isolated_rendering)
                self._is_isolated_rendering = True
            try:
                yield
            finally:
                self._is_isolated_rendering = False
        finally:
            self._isolated -= 1
            if self._isolated == 0:
                self._release()
            await self._notify()

    async def _notify(self) -> None:
        async with self._changed:
            self._changed.notify_all()
