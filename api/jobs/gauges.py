"""Gauges whose values are counted in Postgres, for the metrics of this process."""

import asyncio
import math
import time
from typing import Final

from fleet.capacity import rule
from fleet.capacity.cached import CachedDemand
from fleet.capacity.demand import FleetDemand
from fleet.database import Database
from fleet.errors import UnavailableError
from fleet.jobs.job import State
from fleet.telemetry.logs import get_logger
from fleet.telemetry.metrics.of_api import (
    BACKLOG_SECONDS,
    JOBS_OPEN,
    OLDEST_QUEUED_SECONDS,
    SUGGESTED_REPLICAS,
    TENANT_BACKLOG_SECONDS,
    WEBHOOKS_OVERDUE_SECONDS,
    WORKERS_PRESENT,
    WORKERS_UNSANDBOXED,
)
from fleet.telemetry.probes import ANSWER_TIMEOUT_S
from fleet.webhooks.outbox import overdue_s
from fleet.workers import registry
from fleet.workers.vitals import Sandbox

_CACHED_S: Final = 5.0

log = get_logger(__name__)


class FleetGauges:
    """Backlog, webhooks and workers. While Postgres does not answer, they are NaN and do not show old values.

    Attributes:
        unsandboxed: how many workers have reported that they render without Chromium's sandbox.
        demand: the open jobs as they were counted last. None: Postgres did not answer.
    """

    def __init__(self, database: Database, demand: CachedDemand) -> None:
        self._database = database
        self._cached = demand
        self._lock = asyncio.Lock()
        self._count_again_at = -math.inf
        self.unsandboxed = 0
        self.demand: FleetDemand | None = None

    async def refresh(self) -> None:
        """Count again if the last count is older than 5 s. Waits `ANSWER_TIMEOUT_S` seconds at most."""
        async with self._lock:
            if time.monotonic() < self._count_again_at:
                return
            webhook_s, present, unsandboxed = math.nan, math.nan, math.nan
            demand: FleetDemand | None = None
            try:
                async with asyncio.timeout(ANSWER_TIMEOUT_S):
                    now = await self._cached.read()
                    webhook_s = await overdue_s(self._database)
                    there = await registry.list_present(self._database)
                demand = now
                present = len(there)
                reports = [one.vitals for one in there if one.vitals is not None]
                unsandboxed = sum(vitals.sandbox is Sandbox.OFF for vitals in reports)
            except (UnavailableError, TimeoutError) as error:
                log.warning("cannot count the open jobs", error=repr(error.__cause__ or error))
            self._count_again_at = time.monotonic() + _CACHED_S
            self.demand = demand
            _show(demand)
            WEBHOOKS_OVERDUE_SECONDS.set(webhook_s)
            WORKERS_PRESENT.set(present)
            WORKERS_UNSANDBOXED.set(unsandboxed)
            self.unsandboxed = 0 if math.isnan(unsandboxed) else int(unsandboxed)


def _show(demand: FleetDemand | None) -> None:
    """Set the gauges of the open jobs. None: they are not known."""
    JOBS_OPEN.labels(State.QUEUED).set(math.nan if demand is None else demand.queued)
    JOBS_OPEN.labels(State.RUNNING).set(math.nan if demand is None else demand.running)
    OLDEST_QUEUED_SECONDS.set(math.nan if demand is None else demand.oldest_ready_s)
    BACKLOG_SECONDS.set(math.nan if demand is None else rule.backlog_s(demand))
    SUGGESTED_REPLICAS.set(math.nan if demand is None else rule.suggested_replicas(demand))
    longest_s = math.nan if demand is None else max(rule.tenant_backlogs_s(demand).values(), default=0.0)
    TENANT_BACKLOG_SECONDS.set(longest_s)
