"""Queued jobs of all tenants, for operators. How many there are: `fleet/capacity/demand.py`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from fleet.database import Database

_COLUMNS: Final = """
    jobs.id, jobs.tenant_id, tenants.name AS tenant_name, request ->> 'url' AS url,
    coalesce(request ->> 'format', 'png') AS format, priority, attempt, queued_at, run_after, parked
"""
_THESE: Final = f"""
    SELECT {_COLUMNS} FROM jobs JOIN tenants ON tenants.id = tenant_id
    WHERE jobs.id = ANY($1::uuid[]) AND state = 'queued' AND NOT parked
"""
# In the order of their arrival: without Redis nobody knows whose turn it is.
_OLDEST: Final = f"""
    SELECT {_COLUMNS} FROM jobs JOIN tenants ON tenants.id = tenant_id
    WHERE state = 'queued' ORDER BY queued_at LIMIT $1
"""
# Jobs that cannot be taken now: their time has not come, or their tenant runs as many as it may. Of each kind
# only the first are read. Those of the first kind are not sent to the line before their time; they stand in
# `jobs_dispatched` in their order, which Postgres sees only if both of its columns are named. Those of the
# second kind stand in `jobs_parked`, by tenant.
_HELD: Final = f"""
    SELECT {_COLUMNS} FROM jobs JOIN tenants ON tenants.id = tenant_id
    WHERE jobs.id = ANY(ARRAY(
        (SELECT id FROM jobs
         WHERE state = 'queued' AND dispatched_at IS NULL AND run_after > now()
         ORDER BY dispatched_at, run_after LIMIT $1)
        UNION ALL
        SELECT first.id FROM tenants CROSS JOIN LATERAL (
            SELECT id FROM jobs WHERE parked AND tenant_id = tenants.id ORDER BY queued_at LIMIT $1
        ) AS first
    ))
    ORDER BY run_after, queued_at LIMIT $1
"""


@dataclass(frozen=True, slots=True)
class WaitingJob:
    """One queued job.

    Attributes:
        url: None: it renders what was sent with it.
        attempt: how many attempts have begun.
        queued_at: since when it waits, or (`run_after`) may begin.
    """

    id: UUID
    tenant_id: UUID
    tenant_name: str
    url: str | None
    format: str
    priority: int
    attempt: int
    queued_at: datetime
    run_after: datetime
    parked: bool


async def these(database: Database, job_ids: Sequence[UUID]) -> list[WaitingJob]:
    """Those of these jobs that are queued and not parked, in the same order."""
    found = {row["id"]: WaitingJob(**row) for row in await database.fetch(_THESE, job_ids)}
    return [found[job_id] for job_id in job_ids if job_id in found]


async def oldest(database: Database, *, limit: int) -> list[WaitingJob]:
    """Queued jobs, those that have waited longest first."""
    return [WaitingJob(**row) for row in await database.fetch(_OLDEST, limit)]


async def held(database: Database, *, limit: int) -> list[WaitingJob]:
    """Queued jobs that cannot be taken now, those first that may begin first."""
    return [WaitingJob(**row) for row in await database.fetch(_HELD, limit)]
