"""Finds what was lost: leases that ran out, and queued jobs that Redis does not hold.

Every worker sweeps, each at its own jittered pace, so that there is no leader to lose.
"""

import time
from datetime import UTC, datetime, timedelta
from typing import Final

from arq.connections import ArqRedis

from fleet import dispatch, recovery, workers
from fleet.announcements import announce_change
from fleet.database import Pool
from fleet.errors import ErrorType, UnavailableError
from fleet.jobs import Delivery, State
from fleet.logs import get_logger
from fleet.metrics import JOBS_FINISHED, SWEPT

# Rows of each kind in one look: a ZMSCORE of 5,000 ids takes Redis some milliseconds.
_SUSPECTS_AT_ONCE: Final = 1_000
_PAGE: Final = 5_000
_EXPIRED_AT_ONCE: Final = 200
# A delivery may be on its way for this long: between commit and ZADD, or between ZPOPMIN and claim.
_GRACE: Final = timedelta(seconds=2)
_BEGINNING: Final = datetime(2000, 1, 1, tzinfo=UTC)

log = get_logger(__name__)


class Sweeper:
    """One worker's share of the recovery."""

    def __init__(
        self,
        database: Pool,
        redis: ArqRedis,
        *,
        lease: timedelta,
        interval: timedelta,
        suspects_at_once: int = _SUSPECTS_AT_ONCE,
        page: int = _PAGE,
    ) -> None:
        self._database = database
        self._redis = redis
        self._lease = lease
        self._window = 3 * interval
        self._suspects_at_once = suspects_at_once
        self._page = page
        self._patient_until = 0.0

    async def sweep(self) -> None:
        """Look once. A database or a Redis that is away is logged and left for the next time."""
        try:
            await self._take_expired()
            await self._dispatch_missing()
            await workers.forget_gone(self._database)
        except UnavailableError as error:
            # Living workers could not renew either: they get one lease of time before they count as lost.
            self._patient_until = time.monotonic() + self._lease.total_seconds()
            log.warning("sweep cut short", error=repr(error.__cause__))

    async def _take_expired(self) -> None:
        if time.monotonic() < self._patient_until:
            return
        expired = await recovery.take_expired(self._database, lease=self._lease, limit=_EXPIRED_AT_ONCE)
        for delivery in expired.requeued:
            SWEPT.labels("lease_expired").inc()
            log.warning("lease expired, queued again", job_id=str(delivery.job_id))
        for job_id in expired.failed:
            JOBS_FINISHED.labels(State.FAILED, ErrorType.WORKER_LOST).inc()
            log.error("worker lost too often, failed", job_id=str(job_id), error_type=ErrorType.WORKER_LOST)
            await announce_change(self._redis, job_id)
        await dispatch.dispatch(self._redis, expired.requeued)

    async def _dispatch_missing(self) -> None:
        suspects = await recovery.suspects(
            self._database, limit=self._suspects_at_once, grace=_GRACE, window=self._window
        )
        if await self._send_missing(suspects):
            await self._walk_the_line()

    async def _walk_the_line(self) -> None:
        """Something was missing: perhaps Redis lost all. Look at every queued job, a page at a time."""
        start = _BEGINNING
        while True:
            page, end = await recovery.queued_from(self._database, start, limit=self._page)
            if not page or await self._send_missing(page) is None or end == start or len(page) < self._page:
                return
            start = end

    async def _send_missing(self, queued: list[Delivery]) -> int | None:
        sent = await dispatch.dispatch_missing(self._redis, queued)
        if sent is None:
            return None
        if sent:
            SWEPT.labels("not_in_redis").inc(len(sent))
            log.warning("queued jobs were missing from redis, sent again", jobs=len(sent))
            await recovery.mark_dispatched(self._database, sent)
        return len(sent)
