"""Recovers jobs: leases that ran out, queued jobs that are missing in Redis, jobs that are due or expired.

Every worker does this, at intervals with jitter, so no leader is needed that could fail.
"""

import asyncio
import random
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from arq.connections import ArqRedis

from fleet.database import Database
from fleet.errors import ErrorType, UnavailableError
from fleet.jobs.attempts import claim, recover
from fleet.jobs.job import State
from fleet.queue import dispatch
from fleet.queue.announcements import announce_change
from fleet.queue.entry import QueuedJob
from fleet.telemetry.logs import get_logger
from fleet.telemetry.metrics.of_both import JOBS_FINISHED
from fleet.telemetry.metrics.of_worker import SWEPT
from fleet.workers import registry

# Rows of one step. Redis takes some milliseconds for a ZMSCORE of 5,000 ids.
_CHECKED_AT_ONCE: Final = 1_000
_PAGE: Final = 5_000
_EXPIRED_AT_ONCE: Final = 200
# A queued job may be missing in Redis for this long: between commit and ZADD, or between ZPOPMIN and claim.
_GRACE: Final = timedelta(seconds=2)
_JITTER: Final = 0.5
# Each query takes some tenths of a millisecond: it reads a range of a small index.
_DUE_INTERVAL_S: Final = 1.0
_BEGINNING: Final = datetime(2000, 1, 1, tzinfo=UTC)

log = get_logger(__name__)


class Sweeper:
    """Recovers jobs in one worker."""

    def __init__(
        self,
        database: Database,
        redis: ArqRedis,
        *,
        lease: timedelta,
        interval: timedelta,
        max_running_of_tenant: int | None = None,
        checked_at_once: int = _CHECKED_AT_ONCE,
        page: int = _PAGE,
    ) -> None:
        self._database = database
        self._redis = redis
        self._lease = lease
        self._interval = interval
        self._window = 3 * interval
        self._max_running_of_tenant = max_running_of_tenant
        self._checked_at_once = checked_at_once
        self._page = page
        self._no_lease_expires_until = 0.0

    async def run(self) -> None:
        """Sweep for ever. In between, each second, dispatch delayed jobs that are due."""
        while True:
            # At most the interval, so that a lost job is queued again after its lease and one interval.
            share = 1 - _JITTER * random.random()  # noqa: S311 - spreads load, guards nothing
            left_s = self._interval.total_seconds() * share
            while left_s > 0:
                await asyncio.sleep(min(left_s, _DUE_INTERVAL_S))
                left_s -= _DUE_INTERVAL_S
                await self.dispatch_due()
            await self.sweep()

    async def dispatch_due(self) -> None:
        """Dispatch delayed jobs that are due. While Postgres or Redis does not answer, it does nothing."""
        try:
            queued = await recover.not_sent(self._database, limit=self._checked_at_once)
            if queued and await dispatch.dispatch_missing(self._redis, queued) is not None:
                await recover.mark_dispatched(self._database, [job.entry for job in queued])
        except UnavailableError as error:
            log.debug("delayed jobs not dispatched, the next sweep does it", error=repr(error.__cause__))

    async def sweep(self) -> None:
        """Do each kind of recovery once. If Postgres or Redis does not answer, the next sweep does it."""
        try:
            await self._take_back_lost()
            await self._expire()
            await self._unpark()
            await self._dispatch_missing()
            await registry.delete_silent(self._database)
        except UnavailableError as error:
            # Other workers could not renew their leases either. They get the time of one lease for it.
            self._no_lease_expires_until = time.monotonic() + self._lease.total_seconds()
            log.warning("sweep not finished", error=repr(error.__cause__))

    async def _take_back_lost(self) -> None:
        if time.monotonic() < self._no_lease_expires_until:
            return
        lost = await recover.take_back_lost(self._database, lease=self._lease, limit=_EXPIRED_AT_ONCE)
        for queued in lost.requeued:
            SWEPT.labels("lease_expired").inc()
            log.warning("lease expired, queued again", job_id=str(queued.entry.job_id))
        await dispatch.dispatch(self._redis, lost.requeued)
        for job_id, state in lost.ended:
            error_type = ErrorType.WORKER_LOST if state is State.FAILED else None
            JOBS_FINISHED.labels(state, error_type or "").inc()
            log.warning("lease expired, job ended", job_id=str(job_id), state=state, error_type=error_type)
        await self._announce([*(job.entry.job_id for job in lost.requeued), *dict(lost.ended)])

    async def _expire(self) -> None:
        over = await recover.expire_queued(self._database, limit=_EXPIRED_AT_ONCE)
        await dispatch.withdraw(self._redis, *over)
        for ended in over:
            JOBS_FINISHED.labels(State.EXPIRED, "").inc()
            log.info("job ended", job_id=str(ended.job_id), state=State.EXPIRED)
        await self._announce([ended.job_id for ended in over])

    async def _announce(self, job_ids: Sequence[UUID]) -> None:
        for job_id in job_ids:
            await announce_change(self._redis, job_id)

    async def _unpark(self) -> None:
        room = await recover.free_places(self._database, max_running=self._max_running_of_tenant)
        for tenant_id, count in room.items():
            unparked = await claim.unpark(self._database, tenant_id, count=count)
            SWEPT.labels("parked").inc(len(unparked))
            await dispatch.dispatch(self._redis, unparked)

    async def _dispatch_missing(self) -> None:
        queued = await recover.possibly_missing(
            self._database, limit=self._checked_at_once, grace=_GRACE, window=self._window
        )
        if await self._send_missing(queued):
            await self._dispatch_all_missing()

    async def _dispatch_all_missing(self) -> None:
        """Check every queued job, page by page: if one job is missing, Redis may have lost all its data."""
        start = _BEGINNING
        while True:
            page, end = await recover.queued_since(self._database, start, limit=self._page)
            if not page or await self._send_missing(page) is None or end == start or len(page) < self._page:
                return
            start = end

    async def _send_missing(self, queued: list[QueuedJob]) -> int | None:
        sent = await dispatch.dispatch_missing(self._redis, queued)
        if sent is None:
            return None
        if sent:
            SWEPT.labels("not_in_redis").inc(len(sent))
            log.warning("queued jobs were missing in redis, dispatched again", jobs=len(sent))
            await recover.mark_dispatched(self._database, sent)
        return len(sent)
