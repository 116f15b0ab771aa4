"""The work that waits and runs, of each tenant. All SQL that reads it.

What it costs grows with the open jobs, not with the finished ones: the index that it reads has only queued
jobs. `docs/benchmarks.md` says how much it is.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

import asyncpg

from fleet.database import Database
from fleet.duration_buckets import mean_ms
from fleet.workers.registry import PRESENT

# A job waits for nothing but a slot if its time has come and its tenant's cap does not hold it back.
_OF_TENANTS: Final = """
    WITH waiting AS (
        SELECT tenant_id,
               count(*) FILTER (WHERE run_after <= now() AND NOT parked) AS ready,
               count(*) FILTER (WHERE run_after <= now() AND parked) AS capped,
               count(*) FILTER (WHERE run_after > now()) AS delayed,
               min(greatest(queued_at, run_after)) FILTER (WHERE run_after <= now() AND NOT parked)
                   AS ready_since,
               min(greatest(queued_at, run_after)) FILTER (WHERE run_after <= now()) AS waiting_since
        FROM jobs WHERE state = 'queued' GROUP BY tenant_id
    ), busy AS (
        SELECT tenant_id, count(*) AS running FROM jobs WHERE state = 'running' GROUP BY tenant_id
    )
    SELECT tenants.id, tenants.name, tenants.weight, coalesce(tenants.max_running, $1) AS max_running,
           coalesce(ready, 0) AS ready, coalesce(capped, 0) AS capped, coalesce(delayed, 0) AS delayed,
           coalesce(running, 0) AS running,
           extract(epoch FROM now() - ready_since) AS ready_s,
           extract(epoch FROM now() - waiting_since) AS waiting_s
    FROM waiting FULL JOIN busy USING (tenant_id) JOIN tenants ON tenants.id = tenant_id
"""
# Also attempts that failed held a slot.
_DURATIONS: Final = """
    SELECT tenant_id, key::integer AS bucket, sum(value::bigint)::bigint AS jobs
    FROM history_minutes, jsonb_each_text(total)
    WHERE minute > now() - $2::interval AND (tenant_id IS NULL OR tenant_id = ANY($1::uuid[]))
    GROUP BY 1, 2
"""
_WORKERS: Final = f"""
    SELECT count(*) AS workers, coalesce(sum(slots), 0)::integer AS slots,
           EXISTS (SELECT FROM fleet WHERE paused_at IS NOT NULL) AS is_paused
    FROM workers WHERE {PRESENT}
"""
_LATELY: Final = timedelta(minutes=15)
# The mean of fewer jobs says too little.
_ENOUGH_JOBS: Final = 20
# How long a job holds a slot, as long as nothing is known of it.
USUAL_S: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TenantDemand:
    """The open jobs of one tenant.

    Attributes:
        ready: queued jobs that wait for a slot alone.
        capped: queued jobs that wait because their tenant runs as many as it may.
        delayed: queued jobs whose time has not come.
        running: running jobs.
        ready_s: seconds that the oldest ready job has waited; 0: there is none.
        waiting_s: the same of ready and capped jobs.
        max_running: how many jobs of the tenant may run at once; None: any number.
        weight: its share of a busy fleet; 1 is usual.
        service_s: seconds that one of its jobs holds a slot, on average.
    """

    tenant_id: UUID
    name: str
    ready: int = 0
    capped: int = 0
    delayed: int = 0
    running: int = 0
    ready_s: float = 0.0
    waiting_s: float = 0.0
    max_running: int | None = None
    weight: float = 1.0
    service_s: float = USUAL_S

    @property
    def due(self) -> int:
        """Queued jobs whose time has come."""
        return self.ready + self.capped

    @property
    def queued(self) -> int:
        """All queued jobs."""
        return self.due + self.delayed


@dataclass(frozen=True, slots=True)
class FleetDemand:
    """All open jobs, and the workers that there are for them.

    Attributes:
        tenants: those that have open jobs.
        workers: how many workers have reported lately.
        slots: their slots.
        is_paused: whether workers begin no jobs.
        counted_s: seconds since the jobs were counted.
    """

    tenants: tuple[TenantDemand, ...]
    workers: int
    slots: int
    is_paused: bool
    counted_s: float = 0.0

    @property
    def queued(self) -> int:
        """All queued jobs."""
        return sum(one.queued for one in self.tenants)

    @property
    def running(self) -> int:
        """All running jobs."""
        return sum(one.running for one in self.tenants)

    @property
    def oldest_ready_s(self) -> float:
        """Seconds that the oldest ready job has waited; 0: there is none."""
        return max((one.ready_s for one in self.tenants), default=0.0)


async def count_tenants(database: Database, *, max_running: int | None) -> tuple[TenantDemand, ...]:
    """Count the open jobs of each tenant that has some, and say how long its jobs took lately.

    Args:
        database: connections to Postgres.
        max_running: jobs that a tenant without a cap of its own may run at once; None: any number.

    Raises:
        UnavailableError: Postgres does not answer.
    """
    rows = await database.fetch(_OF_TENANTS, max_running)
    means = await _mean_s(database, [row["id"] for row in rows if row["ready"] or row["capped"]])
    usual_s = means.get(None, USUAL_S)
    return tuple(_demand(row, means.get(row["id"], usual_s)) for row in rows)


async def demand_of(
    database: Database, tenants: tuple[TenantDemand, ...], *, counted_s: float
) -> FleetDemand:
    """These open jobs with the workers that there are now.

    Raises:
        UnavailableError: Postgres does not answer.
    """
    there = await database.fetchrow(_WORKERS)
    if there is None:
        raise RuntimeError("an aggregate without GROUP BY gave no row")
    return FleetDemand(tenants, there["workers"], there["slots"], there["is_paused"], counted_s)


async def _mean_s(database: Database, tenant_ids: list[UUID]) -> dict[UUID | None, float]:
    """How long the last attempts took lately, of these tenants and (None) of all; left out: too few ended."""
    if not tenant_ids:
        return {}
    buckets: dict[UUID | None, dict[int, int]] = defaultdict(dict)
    for row in await database.fetch(_DURATIONS, tenant_ids, _LATELY):
        buckets[row["tenant_id"]][row["bucket"]] = row["jobs"]
    return {
        tenant_id: mean_ms(counts) / 1000
        for tenant_id, counts in buckets.items()
        if sum(counts.values()) >= _ENOUGH_JOBS
    }


def _demand(row: asyncpg.Record, service_s: float) -> TenantDemand:
    return TenantDemand(
        tenant_id=row["id"],
        name=row["name"],
        ready=row["ready"],
        capped=row["capped"],
        delayed=row["delayed"],
        running=row["running"],
        ready_s=float(row["ready_s"] or 0),
        waiting_s=float(row["waiting_s"] or 0),
        max_running=row["max_running"],
        weight=float(row["weight"]),
        service_s=service_s,
    )
