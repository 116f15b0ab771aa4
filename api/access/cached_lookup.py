"""What Postgres said lately: one look for however many calls ask the same at once, remembered for seconds."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final, Generic, TypeVar

Name = TypeVar("Name")
Thing = TypeVar("Thing")

# What has just been made must be found at once also by whoever asked for it too early.
_MISSING_S: Final = 1.0
_MAX_REMEMBERED: Final = 10_000


def remember_found(remember_s: float) -> Callable[[object | None], float]:
    """The lifetime in seconds of what `find` found, and a shorter one of None: there is no such thing."""
    missing_s = min(remember_s, _MISSING_S)
    return lambda found: missing_s if found is None else remember_s


class Lookups(Generic[Name, Thing]):
    """The memory of one API process for one kind of things."""

    def __init__(
        self, find: Callable[[Name], Awaitable[Thing]], *, lifetime_s: Callable[[Thing], float]
    ) -> None:
        """Remember nothing yet.

        Args:
            find: looks.
            lifetime_s: seconds for which an answer of `find` holds.
        """
        self._find = find
        self._lifetime_s = lifetime_s
        self._remembered: OrderedDict[Name, tuple[Thing, float]] = OrderedDict()
        self._under_way: dict[Name, asyncio.Future[Thing]] = {}

    async def get(self, name: Name) -> Thing:
        """The thing of this name, as it is or was a moment ago.

        Raises:
            Exception: what `find` raises.
        """
        remembered = self._remembered.get(name)
        if remembered is not None and remembered[1] > time.monotonic():
            return remembered[0]
        task = self._under_way.get(name)
        if task is None:
            task = asyncio.ensure_future(self._find(name))
            self._under_way[name] = task
            task.add_done_callback(lambda found: self._remember(name, found))
        # Whoever began the look may hang up while others wait for it.
        return await asyncio.shield(task)

    def forget(self, name: Name) -> None:
        """Look this one up again: it has changed."""
        self._remembered.pop(name, None)
        self._under_way.pop(name, None)

    def forget_all(self) -> None:
        """Look everything up again: something has changed."""
        self._remembered.clear()
        # What is being read now may have been read before the change.
        self._under_way.clear()

    def _remember(self, name: Name, found: asyncio.Future[Thing]) -> None:
        if self._under_way.get(name) is not found:
            return
        del self._under_way[name]
        if found.cancelled() or found.exception() is not None:
            return
        thing = found.result()
        self._remembered[name] = (thing, time.monotonic() + self._lifetime_s(thing))
        self._remembered.move_to_end(name)
        if len(self._remembered) > _MAX_REMEMBERED:
            self._remembered.popitem(last=False)
