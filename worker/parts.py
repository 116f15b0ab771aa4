"""Starts the parts of a process one after the other, in the order of a list, and stops them in reverse.

Modelled on the services of River (https://github.com/riverqueue/river, rivershared/startstop).
"""

import inspect
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from fleet.telemetry.logs import get_logger

# May be a coroutine function.
Action: TypeAlias = Callable[[], Awaitable[object] | None]

log = get_logger(__name__)


def _nothing() -> None:
    """For a part that has nothing to start, or nothing to stop."""


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a process.

    Attributes:
        name: for the log.
        start: returns when the part works. If it raises, it leaves nothing behind: `stop` will not be called.
        stop: returns when nothing of the part runs any more.
    """

    name: str
    start: Action = _nothing
    stop: Action = _nothing


class Parts:
    """Those parts of a process that have started."""

    def __init__(self) -> None:
        """None has."""
        self._started: list[Part] = []

    async def start(self, parts: Iterable[Part]) -> None:
        """Start one after the other. If one raises, those before it are stopped, and its error is raised."""
        try:
            for part in parts:
                await _call(part.start)
                self._started.append(part)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop all that have started, the last one first, whatever one raises. May be called twice."""
        while self._started:
            part = self._started.pop()
            try:
                await _call(part.stop)
            except Exception:
                log.exception("a part of the process did not stop", part=part.name)


async def _call(action: Action) -> None:
    result = action()
    if inspect.isawaitable(result):
        await result
