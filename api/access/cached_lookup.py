"""A cache of look-ups in Postgres. Calls that need the same thing at once share one look-up."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

Name = TypeVar("Name")
Thing = TypeVar("Thing")

# How long "there is no such thing" is cached: a thing may be made just after a call has asked for it.
_MISSING_S: Final = 1.0
_MAX_CACHED: Final = 10_000


def shorter_if_missing(cache_s: float) -> Callable[[object | None], float]:
    """The lifetime in seconds of what `find` found, and a shorter one of None: there is no such thing."""
    missing_s = min(cache_s, _MISSING_S)
    return lambda found: missing_s if found is None else cache_s


class Lookups(Generic[Name, Thing]):
    """The cache of one API process for one kind of things."""

    def __init__(
        self, find: Callable[[Name], Awaitable[Thing]], *, lifetime_s: Callable[[Thing], float]
    ) -> None:
        """Remember nothing yet.

        Args:
            find: looks up a thing by its name.
            lifetime_s: seconds for which a result of `find` is cached.
        """
        self._find = find
        self._lifetime_s = lifetime_s
        self._cache: OrderedDict[Name, tuple[Thing, float]] = OrderedDict()
        self._under_way: dict[Name, asyncio.Future[Thing]] = {}

    async def get(self, name: Name) -> Thing:
        """The thing of this name, from the cache or from `find`.

        Raises:
            Exception: what `find` raises.
        """
        cached = self._cache.get(name)
        if cached is not None and cached[1] > time.monotonic():
            return cached[0]
        task = self._under_way.get(name)
        if task is None:
            task = asyncio.ensure_future(self._find(name))
            self._under_way[name] = task
            task.add_done_callback(lambda found: self._store(name, found))
        # The call that began the look-up may be cancelled while others wait for it.
        return await asyncio.shield(task)

    def forget(self, name: Name) -> None:
        """Look this one up again: it has changed."""
        self._cache.pop(name, None)
        self._under_way.pop(name, None)

    def forget_all(self) -> None:
        """Look everything up again: something has changed."""
        self._cache.clear()
        # What is being read now may have been read before the change.
        self._under_way.clear()

    def _store(self, name: Name, found: asyncio.Future[Thing]) -> None:
        if self._under_way.get(name) is not found:
            return
        del self._under_way[name]
        if found.cancelled() or found.exception() is not None:
            return
        thing = found.result()
        self._cache[name] = (thing, time.monotonic() + self._lifetime_s(thing))
        self._cache.move_to_end(name)
        if len(self._cache) > _MAX_CACHED:
            self._cache.popitem(last=False)
