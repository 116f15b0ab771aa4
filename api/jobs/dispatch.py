"""Accepted jobs go on to Redis. Nothing raises from here: they are accepted, and a sweep finds them."""

import asyncio
import time
from collections.abc import Sequence
from typing import Final

from arq.connections import ArqRedis

from fleet.database import Database
from fleet.jobs.job import Job, queued_job
from fleet.jobs.recover import mark_undispatched
from fleet.queue.dispatch import dispatch
from fleet.queue.entry import QueuedJob
from fleet.telemetry.logs import get_logger

# A Redis that refuses says so at once. One that is frozen costs the first caller the whole time-out; for so
# long afterwards the others do not ask it, and the sweeper hands their jobs over.
_SILENCE_S: Final = 2.0
_MARGIN_S: Final = 0.5

log = get_logger(__name__)


class Handover:
    """One API process's way to Redis."""

    def __init__(self, database: Database, redis: ArqRedis, *, timeout_s: float) -> None:
        self._database = database
        self._redis = redis
        self._timeout_s = timeout_s + _MARGIN_S
        self._silent_until = 0.0

    async def hand_over(self, jobs: Sequence[Job], *, weight: float) -> None:
        """Put jobs that were just accepted into the line, in one round trip. Delayed ones are the sweeper's.

        Args:
            jobs: new, of one tenant.
            weight: the tenant's.
        """
        ready = [queued for job in jobs if (queued := queued_job(job, weight=weight)) is not None]
        if not ready or await self._dispatched(ready):
            return
        try:
            await mark_undispatched(self._database, [queued.entry for queued in ready])
        except Exception:
            log.exception("cannot note that redis lacks jobs, the sweeper will see", jobs=len(ready))

    async def _dispatched(self, ready: Sequence[QueuedJob]) -> bool:
        if time.monotonic() < self._silent_until:
            return False
        try:
            async with asyncio.timeout(self._timeout_s):
                return await dispatch(self._redis, ready)
        except TimeoutError:
            self._silent_until = time.monotonic() + _SILENCE_S
            log.warning("redis is silent, the sweeper will dispatch", jobs=len(ready))
        except Exception:
            log.exception("dispatch failed, the sweeper will dispatch", jobs=len(ready))
        return False
