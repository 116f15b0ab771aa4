"""Tells open pages of the dashboard, at most once a second, that something may have changed.

Only that it has, never what: a page then asks anew for what it shows. So nothing can be missed, and nobody
learns of another tenant's jobs. While no page is open, nothing of this runs.

Ends, claims and cancels of jobs are announced in Redis, new jobs are not: a POST pays nothing for pages. So
for open pages the length of the line is asked for once a second. A job that comes while another one goes
leaves it as it was, but whoever takes the other one announces that.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from arq.connections import ArqRedis
from redis.exceptions import RedisError
from starlette.types import Receive

from api.http.hang_up import CallPause
from api.http.problems import RefusedError
from api.jobs.waiters import Waiters
from fleet.errors import ErrorType
from fleet.queue.fair_queue import length

INTERVAL_S: Final = 1.0
# Workers report their memory without an announcement, and while Redis is away nothing is known.
QUIET_TICKS: Final = 5
# How many pages of the dashboard may be open at once, in all and with one API key.
MAX_STREAMS: Final = 1_000
_MAX_STREAMS_OF_KEY: Final = 100


class TickFollower:
    """One open page.

    Attributes:
        is_over: whether the process stops.
    """

    __slots__ = ("_pause", "is_over")

    def __init__(self) -> None:
        self.is_over = False
        self._pause = CallPause()

    def wake(self) -> None:
        """Tell it that something may have changed."""
        self._pause.wake()

    async def wait(self, *, timeout_s: float, receive: Receive) -> bool:
        """Wait for the next tick. Returns whether the page is still there; see `CallPause.wait`."""
        return self.is_over or await self._pause.wait(timeout_s=timeout_s, receive=receive)


class ChangeTicks:
    """All open pages of this process."""

    def __init__(
        self, waiters: Waiters, redis: ArqRedis, *, limit: int, quiet_ticks: int = QUIET_TICKS
    ) -> None:
        """Follow nothing yet.

        Args:
            waiters: hear of changed jobs.
            redis: has the line.
            limit: how many pages may follow at the same time.
            quiet_ticks: after so many seconds pages are told even if nothing is known to have changed.
        """
        self._waiters = waiters
        self._redis = redis
        self._quiet_ticks = quiet_ticks
        self._limit = limit
        self._followers: set[TickFollower] = set()
        self._count_of_key: Counter[str] = Counter()
        self._task: asyncio.Task[None] | None = None

    @property
    def count(self) -> int:
        """How many pages follow."""
        return len(self._followers)

    @contextmanager
    def follow(self, key_id: str) -> Iterator[TickFollower]:
        """Follow the changes, for a page that this API key shows.

        Raises:
            RefusedError: too_many_waiters.
        """
        is_full = len(self._followers) >= self._limit or self._count_of_key[key_id] >= _MAX_STREAMS_OF_KEY
        if is_full or self._waiters.is_released:
            raise RefusedError(
                ErrorType.TOO_MANY_WAITERS, "too many pages are open; this one asks less often"
            )
        follower = TickFollower()
        self._followers.add(follower)
        self._count_of_key[key_id] += 1
        if self._task is None:
            self._task = asyncio.create_task(self._tick())
        try:
            yield follower
        finally:
            self._followers.remove(follower)
            self._count_of_key[key_id] -= 1
            if not self._count_of_key[key_id]:
                del self._count_of_key[key_id]

    def close(self) -> None:
        """End."""
        if self._task is not None:
            self._task.cancel()

    async def _tick(self) -> None:
        seen, quiet = await self._signs(), 0
        try:
            while self._followers:
                await asyncio.sleep(INTERVAL_S)
                quiet += 1
                is_over, signs = self._waiters.is_released, await self._signs()
                if is_over or signs != seen or quiet >= self._quiet_ticks:
                    seen, quiet = signs, 0
                    for follower in tuple(self._followers):
                        follower.is_over = is_over
                        follower.wake()
        finally:
            self._task = None

    async def _signs(self) -> tuple[int, int | None]:
        """What differs when something has changed: how many announcements came, and how long the line is."""
        try:
            return self._waiters.announced, await length(self._redis)
        except (RedisError, OSError):
            return self._waiters.announced, None
