"""Finds what was lost or is due: leases that ran out, jobs that Redis does not hold, jobs that expired.

Every worker sweeps, each at its own jittered pace, so that there is no leader to lose.
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
from fleet.jobs import claim, recover
from fleet.jobs.job import State
from fleet.queue import dispatch
from fleet.queue.announcements import announce_change
from fleet.queue.delivery import Waiting
from fleet.telemetry.logs import get_logger
from fleet.telemetry.metrics import JOBS_FINISHED, SWEPT
from fleet.workers import registry

# Rows of each kind in one look: a ZMSCORE of 5,000 ids takes Redis some milliseconds.
_SUSPECTS_AT_ONCE: Final = 1_000
_PAGE: Final = 5_000
_EXPIRED_AT_ONCE: Final = 200
# A delivery may be on its way for this long: between commit and ZADD, or between ZPOPMIN and claim.
_GRACE: Final = timedelta(seconds=2)
_JITTER: Final = 0.5
# A range of a small index: some tenths of a millisecond.
_DUE_INTERVAL_S: Final = 1.0
_BEGINNING: Final = datetime(2000, 1, 1, tzinfo=UTC)

log = get_logger(__name__)


class Sweeper:
    """One worker's share of the recovery."""

    def __init__(
        self,
        database: Database,
        redis: ArqRedis,
        *,
        lease: timedelta,
        interval: timedelta,
        max_running_of_tenant: int | None = None,
        suspects_at_once: int = _SUSPECTS_AT_ONCE,
        page: int = _PAGE,
    ) -> None:
        self._database = database
        self._redis = redis
        self._lease = lease
        self._interval = interval
        self._window = 3 * interval
        self._max_running_of_tenant = max_running_of_tenant
        self._suspects_at_once = suspects_at_once
        self._page = page
        self._patient_until = 0.0

    async def run(self) -> None:
        """Sweep for ever, and each second in between hand over the delayed jobs that are due."""
        while True:
            # Never more than the interval: a lost job runs again within its lease and one sweep.
            share = 1 - _JITTER * random.random()  # noqa: S311 - spreads load, guards nothing
            left_s = self._interval.total_seconds() * share
            while left_s > 0:
                await asyncio.sleep(min(left_s, _DUE_INTERVAL_S))
                left_s -= _DUE_INTERVAL_S
                await self.hand_over_due()
            await self.sweep()

    async def hand_over_due(self) -> None:
        """Hand over what was to run later and is due now. Nothing away is an error: the sweep comes."""
        try:
            queued = await recover.due(self._database, limit=self._suspects_at_once)
            if queued and await dispatch.dispatch_missing(self._redis, queued) is not None:
                await recover.mark_dispatched(self._database, [job.delivery for job in queued])
        except UnavailableError as error:
            log.debug("delayed jobs wait for the sweep", error=repr(error.__cause__))

    async def sweep(self) -> None:
        """Look once. A database or a Redis that is away is logged and left for the next time."""
        try:
            await self._take_expired()
            await self._expire()
            await self._unpark()
            await self._dispatch_missing()
            await registry.forget_gone(self._database)
        except UnavailableError as error:
            # Living workers could not renew either: they get one lease of time before they count as lost.
            self._patient_until = time.monotonic() + self._lease.total_seconds()
            log.warning("sweep cut short", error=repr(error.__cause__))

    async def _take_expired(self) -> None:
        if time.monotonic() < self._patient_until:
            return
        expired = await recover.take_expired(self._database, lease=self._lease, limit=_EXPIRED_AT_ONCE)
        for queued in expired.requeued:
            SWEPT.labels("lease_expired").inc()
            log.warning("lease expired, queued again", job_id=str(queued.delivery.job_id))
        await dispatch.dispatch(self._redis, expired.requeued)
        for job_id, state in expired.ended:
            error_type = ErrorType.WORKER_LOST if state is State.FAILED else None
            JOBS_FINISHED.labels(state, error_type or "").inc()
            log.warning("lease expired, job ended", job_id=str(job_id), state=state, error_type=error_type)
        await self._announce([*(job.delivery.job_id for job in expired.requeued), *dict(expired.ended)])

    async def _expire(self) -> None:
        over = await recover.expire(self._database, limit=_EXPIRED_AT_ONCE)
        for job_id in over:
            JOBS_FINISHED.labels(State.EXPIRED, "").inc()
            log.info("job ended", job_id=str(job_id), state=State.EXPIRED)
        await self._announce(over)

    async def _announce(self, job_ids: Sequence[UUID]) -> None:
        for job_id in job_ids:
            await announce_change(self._redis, job_id)

    async def _unpark(self) -> None:
        room = await recover.room_of_parked(self._database, max_running=self._max_running_of_tenant)
        for tenant_id, count in room.items():
            freed = await claim.unpark(self._database, tenant_id, count=count)
            SWEPT.labels("parked").inc(len(freed))
            await dispatch.dispatch(self._redis, freed)

    async def _dispatch_missing(self) -> None:
        suspects = await recover.suspects(
            self._database, limit=self._suspects_at_once, grace=_GRACE, window=self._window
        )
        if await self._send_missing(suspects):
            await self._walk_the_line()

    async def _walk_the_line(self) -> None:
        """Something was missing: perhaps Redis lost all. Look at every queued job, a page at a time."""
        start = _BEGINNING
        while True:
            page, end = await recover.queued_from(self._database, start, limit=self._page)
            if not page or await self._send_missing(page) is None or end == start or len(page) < self._page:
                return
            start = end

    async def _send_missing(self, queued: list[Waiting]) -> int | None:
        sent = await dispatch.dispatch_missing(self._redis, queued)
        if sent is None:
            return None
        if sent:
            SWEPT.labels("not_in_redis").inc(len(sent))
            log.warning("queued jobs were missing from redis, sent again", jobs=len(sent))
            await recover.mark_dispatched(self._database, sent)
        return len(sent)
