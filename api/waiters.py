"""Callers that wait for jobs: thousands of them on one Redis subscription and one look at Postgres a second.

The announcement makes it fast, the look makes it sure: while Redis is away, or when a word was lost, a waiter
learns of the end within a second. Nobody holds a connection to Postgres while waiting.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final
from uuid import UUID

from arq.connections import ArqRedis
from redis.exceptions import RedisError
from starlette.types import Receive

from api.callers import hung_up
from fleet.announcements import CHANGES, listen
from fleet.database import Pool
from fleet.errors import UnavailableError
from fleet.jobs import ended
from fleet.logs import get_logger

LOOK_INTERVAL_S: Final = 1.0
_MAX_BACKOFF_S: Final = 5.0

log = get_logger(__name__)


class Waiters:
    """All waiting callers of this process. `open` once, `close` at the end."""

    def __init__(self, pool: Pool, redis: ArqRedis, *, limit: int) -> None:
        self._pool = pool
        self._redis = redis
        self._limit = limit
        self._ends: dict[UUID, asyncio.Event] = {}
        self._counts: Counter[UUID] = Counter()
        self._tasks: list[asyncio.Task[None]] = []
        self._is_released = False

    def open(self) -> None:
        """Begin to listen and to look."""
        self._tasks = [asyncio.create_task(self._listen()), asyncio.create_task(self._look())]

    async def close(self) -> None:
        """Let everyone go and stop listening."""
        self.release()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def release(self) -> None:
        """Let everyone go, now and from now on: the process is about to stop."""
        self._is_released = True
        for end in self._ends.values():
            end.set()

    @property
    def count(self) -> int:
        """How many callers wait."""
        return self._counts.total()

    @contextmanager
    def watch(self, job_id: UUID) -> Iterator[asyncio.Event]:
        """Watch a job from now on; the event is set when it may have ended, so that it should be read again.

        Watch first, then read the job: an end in between is not missed. Beyond the limit of waiters, and
        while the process stops, the event is set from the start.
        """
        if self._is_released or self.count >= self._limit:
            over = asyncio.Event()
            over.set()
            yield over
            return
        end = self._ends.setdefault(job_id, asyncio.Event())
        self._counts[job_id] += 1
        try:
            yield end
        finally:
            self._counts[job_id] -= 1
            if not self._counts[job_id]:
                del self._counts[job_id], self._ends[job_id]

    async def _listen(self) -> None:
        backoff_s = 0.1
        while True:
            try:
                async for _, message in listen(self._redis, CHANGES):
                    backoff_s = 0.1
                    self._wake(UUID(bytes=message))
            except (RedisError, OSError) as error:
                log.warning("redis does not answer, waiters look at Postgres alone", error=repr(error))
            except Exception:
                log.exception("listening failed, trying again")
            await asyncio.sleep(backoff_s)
            backoff_s = min(2 * backoff_s, _MAX_BACKOFF_S)

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(LOOK_INTERVAL_S)
            if not self._ends:
                continue
            try:
                for job_id in await ended(self._pool, list(self._ends)):
                    self._wake(job_id)
            except UnavailableError as error:
                log.warning("cannot look for ended jobs", error=repr(error.__cause__))
            except Exception:
                log.exception("looking for ended jobs failed, trying again")

    def _wake(self, job_id: UUID) -> None:
        end = self._ends.get(job_id)
        if end is not None:
            end.set()


async def wait_for(end: asyncio.Event, *, timeout_s: float, receive: Receive) -> None:
    """Return when the event is set, the time is over, or the caller has hung up.

    Args:
        end: what `Waiters.watch` gave.
        timeout_s: seconds.
        receive: the call's ASGI channel; its body must have been read to the end.
    """
    waiting = {asyncio.create_task(end.wait()), asyncio.create_task(hung_up(receive))}
    try:
        await asyncio.wait(waiting, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in waiting:
            task.cancel()
        with suppress(asyncio.CancelledError):
            await asyncio.gather(*waiting, return_exceptions=True)
