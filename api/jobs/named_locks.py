"""Locks with names: calls of this process that would do the same work take turns."""

import asyncio
from weakref import WeakValueDictionary


class NamedLocks:
    """A lock for each name, for as long as somebody holds it or waits for it."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[bytes, asyncio.Lock] = WeakValueDictionary()

    def of(self, name: bytes) -> asyncio.Lock:
        """The lock of this name, for `async with`."""
        return self._locks.setdefault(name, asyncio.Lock())
