"""Puts accepted jobs into Redis. This raises no errors: if it fails, a sweep finds the jobs in Postgres."""

import asyncio
import time
from collections.abc import Sequence
from itertools import chain
from typing import Final

from arq.connections import ArqRedis

from fleet.database import Database
from fleet.jobs.attempts.recover import mark_undispatched
from fleet.jobs.job import Job, queued_job
from fleet.joined_calls import JoinedCalls, Pace
from fleet.queue.dispatch import dispatch
from fleet.queue.entry import QueuedJob
from fleet.telemetry.logs import get_logger
from fleet.telemetry.traces import span

# If Redis hangs, a call waits for the whole time-out. For so long after that, other calls do not ask Redis,
# and the sweeper dispatches their jobs. (If Redis is down, it refuses at once, and nobody has to wait.)
_SKIP_S: Final = 2.0
_TIMEOUT_MARGIN_S: Final = 0.5
_CALLS_AT_ONCE: Final = 100

log = get_logger(__name__)


class Handover:
    """Dispatches the jobs that one API process has accepted."""

    def __init__(self, database: Database, redis: ArqRedis, *, timeout_s: float) -> None:
        self._database = database
        self._redis = redis
        self._timeout_s = timeout_s + _TIMEOUT_MARGIN_S
        self._skipped_until = 0.0
        self._sending = JoinedCalls(self._send, Pace(), most=_CALLS_AT_ONCE)

    async def hand_over(self, jobs: Sequence[Job], *, weight: float) -> None:
        """Put new jobs into the queue. The sweeper dispatches jobs with a delay.

        Jobs of calls that come at the same time are sent in one command. It costs little more than for one
        job.

        Args:
            jobs: new jobs of one tenant.
            weight: the weight of this tenant.
        """
        ready = [queued for job in jobs if (queued := queued_job(job, weight=weight)) is not None]
        if not ready or await self._dispatched(ready):
            return
        try:
            await mark_undispatched(self._database, [queued.entry for queued in ready])
        except Exception:
            log.exception("cannot note that redis lacks jobs, the sweeper will see", jobs=len(ready))

    async def _dispatched(self, ready: Sequence[QueuedJob]) -> bool:
        with span("send to queue"):
            return await self._sending.call(ready)

    async def _send(self, calls: list[Sequence[QueuedJob]]) -> list[bool]:
        """Send the jobs of these calls; for each of them whether Redis has them."""
        is_sent = False
        if time.monotonic() >= self._skipped_until:
            is_sent = await self._send_all(list(chain.from_iterable(calls)))
        return [is_sent] * len(calls)

    async def _send_all(self, ready: list[QueuedJob]) -> bool:
        try:
            async with asyncio.timeout(self._timeout_s):
                return await dispatch(self._redis, ready)
        except TimeoutError:
            self._skipped_until = time.monotonic() + _SKIP_S
            log.warning(
                "redis is silent, the sweeper will dispatch", jobs=len(ready), first=ready[0].entry.id
            )
        except Exception:
            log.exception(
                "dispatch failed, the sweeper will dispatch", jobs=len(ready), first=ready[0].entry.id
            )
        return False
