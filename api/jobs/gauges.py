"""Gauges whose values are counted in Postgres, for the metrics of this process."""

import asyncio
import math
import time
from typing import Final

from fleet.database import Database
from fleet.errors import UnavailableError
from fleet.jobs.job import State
from fleet.jobs.read import backlog
from fleet.telemetry.logs import get_logger
from fleet.telemetry.metrics import (
    JOBS_OPEN,
    OLDEST_QUEUED_SECONDS,
    WEBHOOKS_OVERDUE_SECONDS,
    WORKERS_PRESENT,
    WORKERS_UNSANDBOXED,
)
from fleet.telemetry.probes import ANSWER_TIMEOUT_S
from fleet.webhooks.outbox import overdue_s
from fleet.workers import registry
from fleet.workers.vitals import Sandbox

# Counting a long line of queued jobs takes Postgres some milliseconds.
_CACHED_S: Final = 5.0

log = get_logger(__name__)


class FleetGauges:
    """Backlog, webhooks and workers. While Postgres does not answer, they are NaN and do not show old values.

    Attributes:
        unsandboxed: how many workers have reported that they render without Chromium's sandbox.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lock = asyncio.Lock()
        self._counted_at = -math.inf
        self.unsandboxed = 0

    async def refresh(self) -> None:
        """Count again if the last count is older than 5 s. Waits `ANSWER_TIMEOUT_S` seconds at most."""
        async with self._lock:
            if time.monotonic() - self._counted_at < _CACHED_S:
                return
            queued, running, oldest_s, webhook_s, present = math.nan, math.nan, math.nan, math.nan, math.nan
            unsandboxed = math.nan
            try:
                async with asyncio.timeout(ANSWER_TIMEOUT_S):
                    now = await backlog(self._database)
                    webhook_s = await overdue_s(self._database)
                    there = await registry.list_present(self._database)
                present = len(there)
                reports = [one.vitals for one in there if one.vitals is not None]
                unsandboxed = sum(vitals.sandbox is Sandbox.OFF for vitals in reports)
                queued, running, oldest_s = now.queued, now.running, now.oldest_queued_s
            except (UnavailableError, TimeoutError) as error:
                log.warning("cannot count the open jobs", error=repr(error.__cause__ or error))
            self._counted_at = time.monotonic()
            JOBS_OPEN.labels(State.QUEUED).set(queued)
            JOBS_OPEN.labels(State.RUNNING).set(running)
            OLDEST_QUEUED_SECONDS.set(oldest_s)
            WEBHOOKS_OVERDUE_SECONDS.set(webhook_s)
            WORKERS_PRESENT.set(present)
            WORKERS_UNSANDBOXED.set(unsandboxed)
            self.unsandboxed = 0 if math.isnan(unsandboxed) else int(unsandboxed)
