"""Callers that wait for jobs: thousands of them on one Redis subscription and one look at Postgres a second.

The announcement makes it fast, the look makes it sure: while Redis is away, or when a word was lost, a waiter
learns of a change within a second. Nobody holds a connection to Postgres while waiting, and what has changed
is read once for all who wait for it, in batches on one connection: ten thousand who wait for jobs that change
at the same moment do not take the others from those who enqueue.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Final
from uuid import UUID

from arq.connections import ArqRedis
from redis.exceptions import RedisError
from starlette.types import Receive

from api.http.hang_up import CallPause
from api.http.problems import RefusedError
from fleet.database import Database
from fleet.errors import ErrorType, UnavailableError
from fleet.jobs.job import Job, State
from fleet.jobs.read import changed, get_many
from fleet.queue.announcements import CHANGES, listen
from fleet.telemetry.logs import get_logger
from fleet.telemetry.metrics import WAITERS
from fleet.tenants.authenticate import ended_keys
from fleet.tenants.tenant import Tenant

LOOK_INTERVAL_S: Final = 1.0
# A look at more jobs is taken in pieces: encoding so many ids keeps the event loop for some milliseconds.
_LOOK_BATCH: Final = 2_000
_READ_BATCH: Final = 200
# Who is woken together answers together, and every other call waits for so many answers at each of its steps.
_WAKE_BATCH: Final = 20
_MAX_BACKOFF_S: Final = 2.0
# A tenant may hold nine times as many places as are free: alone nine tenths of them, and a tenth is always
# left for who comes next; two who want all have nine nineteenths each (dynamic thresholds: A. Choudhury,
# E. Hahne, "Dynamic Queue Length Thresholds for Shared-Memory Packet Switches", IEEE/ACM ToN 6(2), 1998).
_SHARE_OF_FREE: Final = 9

log = get_logger(__name__)


@dataclass(slots=True)
class News:
    """A job's row after a change, shared by all who watch the job.

    Attributes:
        texts: what has been written of it for those who watch, so that it is written once for all.
    """

    job: Job
    texts: dict[object, bytes] = field(default_factory=dict)


class Watch:
    """One caller's eye on one job. Make it with `Waiters.watch`.

    Attributes:
        news: the newest change since the watch began, or shortly before; None: none is known.
        is_over: whether there is nothing to wait for: the process stops, there were too many waiters, or the
            caller's key does not work any more.
        is_shut_out: whether it is the key. Then the caller is told no more of the job.
    """

    __slots__ = ("_is_for_end", "_pause", "is_over", "is_shut_out", "news")

    def __init__(self, news: News | None, *, is_for_end: bool) -> None:
        self.news = news
        self.is_over = False
        self.is_shut_out = False
        self._is_for_end = is_for_end
        self._pause = CallPause()
        if news is not None:
            self.tell(news)

    def tell(self, news: News) -> None:
        """There is a change; wake the caller if that is what it waits for."""
        self.news = news
        if news.job.state.is_terminal or not self._is_for_end:
            self._pause.wake()

    def release(self) -> None:
        """Wake the caller for good."""
        self.is_over = True
        self._pause.wake()

    def shut_out(self) -> None:
        """Wake the caller for good: its key does not work any more."""
        self.is_shut_out = True
        self.release()

    async def rest(self, *, timeout_s: float, receive: Receive) -> bool:
        """Wait for a change. Returns whether the caller is still connected; see `CallPause.wait`."""
        return self.is_over or await self._pause.wait(timeout_s=timeout_s, receive=receive)


@dataclass(slots=True)
class _Watched:
    """A job that somebody watches, and what its watchers were told last."""

    news: News | None = None
    watches: set[Watch] = field(default_factory=set)

    @property
    def known(self) -> tuple[State, int]:
        """State and attempt that the watchers know. Before they were told anything it was just accepted."""
        return (State.QUEUED, 0) if self.news is None else (self.news.job.state, self.news.job.attempt)


class Waiters:
    """All waiting callers of this process. `open` once, `close` at the end."""

    def __init__(self, database: Database, redis: ArqRedis, *, limit: int) -> None:
        self._database = database
        self._redis = redis
        self._limit = limit
        self._watched: dict[UUID, _Watched] = {}
        # Jobs that have changed and are to be read, in order. A dict: each once.
        self._stale: dict[UUID, None] = {}
        self._is_stale = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self._count = 0
        self._of_tenants: Counter[UUID] = Counter()
        self._of_keys: dict[str, set[Watch]] = {}
        self._keys_checked_at = 0.0
        self._is_released = False

    def open(self) -> None:
        """Begin to listen, to look and to read."""
        steps = (
            (self._listen, "listening for changes"),
            (self._look, "looking for changes"),
            (self._read, "reading what has changed"),
        )
        self._tasks = [asyncio.create_task(_keep_on(step, what)) for step, what in steps]

    async def close(self) -> None:
        """Let everyone go and stop listening."""
        self.release()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def release(self) -> None:
        """Let everyone go, now and from now on: the process is about to stop."""
        self._is_released = True
        for watched in self._watched.values():
            for watch in watched.watches:
                watch.release()

    @property
    def count(self) -> int:
        """How many callers wait."""
        return self._count

    def is_full_for(self, tenant_id: UUID) -> bool:
        """Whether the next watch of this tenant would be over from the start, because there are too many."""
        return self._of_tenants[tenant_id] >= _SHARE_OF_FREE * (self._limit - self._count)

    def shut_out(self, key_id: str) -> None:
        """Let everyone go who came with this API key: it does not work any more."""
        for watch in self._of_keys.get(key_id, ()):
            watch.shut_out()

    @contextmanager
    def watch(self, job_id: UUID, *, tenant: Tenant, is_for_end: bool = True) -> Iterator[Watch]:
        """Watch a job from now on, to be woken at its end or, with `is_for_end=False`, at each change.

        Watch first, then read the job: a change in between is not missed. Beyond the limit of waiters or the
        tenant's share of it, and while the process stops, the watch is over from the start. It is over
        as soon as the caller's key does not work any more.
        """
        if self._is_released or self.is_full_for(tenant.id):
            over = Watch(None, is_for_end=is_for_end)
            over.release()
            yield over
            return
        watched = self._watched.setdefault(job_id, _Watched())
        watch = Watch(watched.news, is_for_end=is_for_end)
        watched.watches.add(watch)
        self._count += 1
        self._of_tenants[tenant.id] += 1
        self._of_keys.setdefault(tenant.key_id, set()).add(watch)
        gauge = WAITERS.labels("wait" if is_for_end else "events")
        gauge.inc()
        try:
            yield watch
        finally:
            gauge.dec()
            self._count -= 1
            self._of_tenants[tenant.id] -= 1
            if not self._of_tenants[tenant.id]:
                del self._of_tenants[tenant.id]
            self._of_keys[tenant.key_id].remove(watch)
            if not self._of_keys[tenant.key_id]:
                del self._of_keys[tenant.key_id]
            watched.watches.remove(watch)
            if not watched.watches:
                del self._watched[job_id]

    async def _listen(self) -> None:
        async for _, message in listen(self._redis, CHANGES):
            self._mark([UUID(bytes=message)])

    async def _look(self) -> None:
        await asyncio.sleep(LOOK_INTERVAL_S)
        await self._check_keys()
        known = [(job_id, *watched.known) for job_id, watched in self._watched.items()]
        for start in range(0, len(known), _LOOK_BATCH):
            self._mark(await changed(self._database, known[start : start + _LOOK_BATCH]))

    async def _check_keys(self) -> None:
        """Ask whose keys still work, of those who wait."""
        if self._of_keys:
            for key_id in await ended_keys(self._database, list(self._of_keys)):
                self.shut_out(key_id)
        self._keys_checked_at = time.monotonic()

    def _mark(self, job_ids: Sequence[UUID]) -> None:
        stale = [job_id for job_id in job_ids if job_id in self._watched]
        if stale:
            self._stale.update(dict.fromkeys(stale))
            self._is_stale.set()

    async def _read(self) -> None:
        await self._is_stale.wait()
        batch = list(islice(self._stale, _READ_BATCH))
        for job_id in batch:
            del self._stale[job_id]
        if not self._stale:
            self._is_stale.clear()
        # Where this fails, the next look finds the same jobs again.
        jobs = await get_many(self._database, batch)
        if time.monotonic() - self._keys_checked_at > 2 * LOOK_INTERVAL_S:
            await self._check_keys()  # Postgres was away: nobody is told before the keys are known again
        await self._tell(jobs)

    async def _tell(self, jobs: Sequence[Job]) -> None:
        told = 0
        for job in jobs:
            watched = self._watched.get(job.id)
            if watched is None or watched.known == (job.state, job.attempt):
                continue
            news = watched.news = News(job)
            for watch in tuple(watched.watches):
                watch.tell(news)
                told += 1
                if told % _WAKE_BATCH == 0:
                    await asyncio.sleep(0)


async def _keep_on(step: Callable[[], Awaitable[None]], what: str) -> None:
    """Do it again and again, also when Redis or Postgres is away for a while."""
    clock = asyncio.get_running_loop().time
    backoff_s = 0.0
    while True:
        started = clock()
        try:
            await step()
            continue
        except (RedisError, OSError, UnavailableError) as error:
            log.warning("a dependency is down, trying again", what=what, error=repr(error.__cause__ or error))
        except Exception:
            log.exception("failed, trying again", what=what)
        is_news = clock() - started > _MAX_BACKOFF_S
        backoff_s = 0.1 if is_news else min(2 * backoff_s + 0.1, _MAX_BACKOFF_S)
        await asyncio.sleep(backoff_s)


async def wait_for(
    watch: Watch, *, timeout_s: float, receive: Receive, shut_out: ErrorType = ErrorType.UNAUTHORIZED
) -> Job | None:
    """Wait for the job's end, until the time is over or the caller has hung up.

    Args:
        watch: what `Waiters.watch` gave.
        timeout_s: seconds.
        receive: the call's ASGI channel; its body must have been read to the end.
        shut_out: what the call is refused as when its key does not work any more.

    Returns:
        The job as it is now, ended or not, no more than `LOOK_INTERVAL_S` old while Postgres answers; None if
        it has not changed since the watch began. There is no need to read it again.

    Raises:
        RefusedError: `shut_out`.
    """
    await watch.rest(timeout_s=timeout_s, receive=receive)
    if watch.is_shut_out:
        raise RefusedError(shut_out, "the API key was revoked, or expired, while this call waited")
    return watch.news.job if watch.news is not None else None
