"""Callers that wait for jobs. Thousands share one Redis subscription and one query of Postgres a second.

An announcement in Redis tells of a change at once. The query finds changes whose announcement was lost, or
that happened while Redis was away, within a second. A waiting caller holds no connection to Postgres. A
changed job is read once for all its watchers, in batches and on one connection: if ten thousand watched jobs
change at the same moment, the other connections stay free for calls that submit jobs.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Final
from uuid import UUID

from arq.connections import ArqRedis
from redis.exceptions import RedisError
from starlette.types import Receive

from api.http.problems import RefusedError
from api.jobs.places import Place, Places
from fleet.database import Database
from fleet.errors import ErrorType, UnavailableError
from fleet.jobs.job import Job, State
from fleet.jobs.read import changed, get_many
from fleet.queue.announcements import BEGINNINGS, CHANGES, listen
from fleet.telemetry.logs import get_logger
from fleet.tenants.tenant import Tenant

LOOK_INTERVAL_S: Final = 1.0
# Ids in one query for changes. Encoding so many blocks the event loop for some milliseconds.
_QUERY_BATCH: Final = 2_000
_READ_BATCH: Final = 200
# Watchers woken at once. Other calls wait while so many callers get their answers.
_WAKE_BATCH: Final = 20
# The longest pause between two tries of a step that fails again and again.
_MAX_BACKOFF_S: Final = 2.0

log = get_logger(__name__)


@dataclass(slots=True)
class News:
    """A job's row after a change, shared by all who watch the job.

    Attributes:
        texts: the events of the job as bytes, by their `Moment` (api/jobs/event_stream.py). Each is made
            once, by the first stream that needs it.
    """

    job: Job
    texts: dict[object, bytes] = field(default_factory=dict)


class Watch(Place):
    """One caller that watches one job. Make it with `Waiters.watch`.

    Attributes:
        news: the latest change since the watch began, or shortly before; None: no change is known.
        is_for_end: whether only the job's end matters.
    """

    __slots__ = ("is_for_end", "news")

    def __init__(self, news: News | None, *, is_for_end: bool) -> None:
        super().__init__()
        self.news = news
        self.is_for_end = is_for_end
        if news is not None:
            self.tell(news)

    def tell(self, news: News) -> None:
        """Store a change, and wake the caller if it waits for such a change."""
        self.news = news
        if news.job.state.is_terminal or not self.is_for_end:
            self.wake()


@dataclass(slots=True)
class _Watched:
    """A watched job: its watches, and the news that they got last."""

    news: News | None = None
    watches: set[Watch] = field(default_factory=set)

    @property
    def known(self) -> tuple[State, int]:
        """State and attempt that the watchers know; before the first news, those of a new job."""
        return (State.QUEUED, 0) if self.news is None else (self.news.job.state, self.news.job.attempt)


class Waiters:
    """All waiting callers of this process. `open` once, `close` at the end.

    Attributes:
        announced: how many changes this process has heard of in Redis, of any job.
    """

    def __init__(self, database: Database, redis: ArqRedis, *, limit: int) -> None:
        self._database = database
        self._redis = redis
        self.places = Places(database, limit=limit)
        self._watched: dict[UUID, _Watched] = {}
        # Changed jobs that have to be read, in order. It is a dict so that each job is in it only once.
        self._changed: dict[UUID, None] = {}
        self._has_changed = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.announced = 0

    def open(self) -> None:
        """Start to listen for announcements, to query for changes, and to read changed jobs."""
        steps = (
            (self._listen_for_changes, "listening for changes"),
            (self._query_changes, "looking for changes"),
            (self._read_changed, "reading what has changed"),
        )
        self._tasks = [asyncio.create_task(repeat(step, what)) for step, what in steps]

    async def close(self) -> None:
        """End all watches, and stop listening."""
        self.release()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def release(self) -> None:
        """End all watches, also future ones: the process is about to stop."""
        self.places.release()

    @property
    def is_released(self) -> bool:
        """Whether the process is about to stop."""
        return self.places.is_released

    @property
    def count(self) -> int:
        """How many callers wait."""
        return self.places.count

    def is_full_for(self, tenant_id: UUID) -> bool:
        """Whether the next watch of this tenant would be over from the start, because there are too many."""
        return self.places.is_full_for(tenant_id)

    def shut_out(self, key_id: str) -> None:
        """End all watches of callers with this API key, which does not work any more."""
        self.places.shut_out(key_id)

    @contextmanager
    def watch(self, job_id: UUID, *, tenant: Tenant, is_for_end: bool = True) -> Iterator[Watch]:
        """Watch a job from now on, to be woken at its end or, with `is_for_end=False`, at each change.

        Watch first, then read the job, so that no change is missed. If there are too many waiters in all or
        of this tenant, or if the process stops, the watch is over from the start. It ends as soon as the
        caller's key does not work any more.
        """
        watched = self._watched.get(job_id) or _Watched()
        watch = Watch(watched.news, is_for_end=is_for_end)
        with self.places.taken(watch, tenant, kind="wait" if is_for_end else "events") as is_taken:
            if not is_taken:
                watch.news = None
                yield watch
                return
            self._watched[job_id] = watched
            watched.watches.add(watch)
            try:
                yield watch
            finally:
                watched.watches.remove(watch)
                if not watched.watches:
                    del self._watched[job_id]

    async def _listen_for_changes(self) -> None:
        async for channel, message in listen(self._redis, CHANGES, BEGINNINGS):
            self.announced += 1
            job_id = UUID(bytes=message)
            if channel == CHANGES or self._is_followed(job_id):
                self._mark_changed([job_id])

    def _is_followed(self, job_id: UUID) -> bool:
        """Whether somebody watches this job for more than its end."""
        watched = self._watched.get(job_id)
        return watched is not None and not all(watch.is_for_end for watch in watched.watches)

    async def _query_changes(self) -> None:
        await asyncio.sleep(LOOK_INTERVAL_S)
        await self.places.check_keys()
        known = [(job_id, *watched.known) for job_id, watched in self._watched.items()]
        for start in range(0, len(known), _QUERY_BATCH):
            self._mark_changed(await changed(self._database, known[start : start + _QUERY_BATCH]))

    def _mark_changed(self, job_ids: Sequence[UUID]) -> None:
        changed_ids = [job_id for job_id in job_ids if job_id in self._watched]
        if changed_ids:
            self._changed.update(dict.fromkeys(changed_ids))
            self._has_changed.set()

    async def _read_changed(self) -> None:
        await self._has_changed.wait()
        batch = list(islice(self._changed, _READ_BATCH))
        for job_id in batch:
            del self._changed[job_id]
        if not self._changed:
            self._has_changed.clear()
        # If this fails, the next query for changes finds the same jobs again.
        jobs = await get_many(self._database, batch)
        await self.places.check_keys_after(2 * LOOK_INTERVAL_S)
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


async def repeat(step: Callable[[], Awaitable[None]], what: str) -> None:
    """Repeat a step without end, also after errors and while Redis or Postgres is away."""
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
        has_worked = clock() - started > _MAX_BACKOFF_S  # a step that failed so late had worked before
        backoff_s = 0.1 if has_worked else min(2 * backoff_s + 0.1, _MAX_BACKOFF_S)
        await asyncio.sleep(backoff_s)


async def wait_for(
    watch: Watch, *, timeout_s: float, receive: Receive, shut_out: ErrorType = ErrorType.UNAUTHORIZED
) -> Job | None:
    """Wait for the job's end, until the time is over or the caller has hung up.

    Args:
        watch: what `Waiters.watch` gave.
        timeout_s: seconds.
        receive: the call's ASGI channel; its body must have been read to the end.
        shut_out: the error type if the caller's key does not work any more.

    Returns:
        The job, ended or not, as it was at most `LOOK_INTERVAL_S` ago while Postgres answers. None if it has
        not changed since the watch began. The caller need not read the job again.

    Raises:
        RefusedError: `shut_out`.
    """
    await watch.wait(timeout_s=timeout_s, receive=receive)
    if watch.is_shut_out:
        raise RefusedError(shut_out, "the API key was revoked, or expired, while this call waited")
    return watch.news.job if watch.news is not None else None
