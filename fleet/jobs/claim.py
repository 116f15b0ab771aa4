"""How a worker gets a job: the claim, and the cap that a tenant may have on its running jobs.

The claim is one UPDATE from queued to running that raises `attempt`. Redis may deliver an id twice or a
hundred times; one claim wins. What the worker does to the job from then on is in `fleet/jobs/attempt.py`.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import asyncpg

from fleet.database import Database
from fleet.queue.entry import QUEUED_JOB_COLUMNS, QueuedJob, QueueEntry, queued_job_from_row
from fleet.render.sealed import SealedRequest


@dataclass(frozen=True, slots=True)
class JobAttempt:
    """One execution of a job, as claimed. `(job_id, attempt)` is the fence of everything that follows.

    Attributes:
        expires_in_s: seconds until the job is given up; None: never.
        request: as it is stored; its secrets are for this job alone.
        is_capped: whether its tenant may run only so many jobs at once.
        egress_allow: what its tenant reaches besides the settings' addresses, as `EGRESS_ALLOW` is written.
        egress_deny: what its tenant does not reach, as `EGRESS_DENY` is written.
    """

    job_id: UUID
    attempt: int
    tenant_id: UUID
    request: SealedRequest
    max_attempts: int
    failure_count: int
    crash_count: int
    created_at: datetime
    pickup_s: float
    queued_s: float
    expires_in_s: float | None
    schedule_id: UUID | None
    is_capped: bool
    egress_allow: tuple[str, ...] = ()
    egress_deny: tuple[str, ...] = ()


# How many jobs of this job's tenant run now. Exact only under the lock that _CAP takes.
_RUNNING_OF_TENANT: Final = """
    (SELECT count(*) FROM jobs AS other WHERE other.tenant_id = jobs.tenant_id AND other.state = 'running')
"""
_CLAIM_WHERE: Final = """
    WITH claimed AS (
        UPDATE jobs
        SET state = 'running', attempt = attempt + 1, lease_until = now() + $4, worker_id = $3,
            browser_generation = NULL, started_at = now()
        WHERE id = $1 AND dispatch = $2 AND state = 'queued' AND run_after <= now() AND NOT cancel_requested
          AND NOT parked AND (expires_at IS NULL OR expires_at > now())
          AND NOT EXISTS (SELECT FROM fleet WHERE paused_at IS NOT NULL)
          AND {permitted}
        RETURNING id, attempt, tenant_id, request, secrets, max_attempts, failure_count, crash_count,
                  created_at, schedule_id, extract(epoch FROM expires_at - now()) AS expires_in_s,
                  extract(epoch FROM clock_timestamp() - greatest(queued_at, run_after)) AS pickup_s,
                  extract(epoch FROM now() - created_at) AS queued_s
    ), recorded AS (
        INSERT INTO attempts (job_id, attempt, worker_id) SELECT id, attempt, $3 FROM claimed
    )
    SELECT claimed.*, tenants.egress_allow, tenants.egress_deny
    FROM claimed JOIN tenants ON tenants.id = claimed.tenant_id
"""
# The usual case, one statement: a tenant without a cap.
_CLAIM: Final = _CLAIM_WHERE.format(
    permitted="""
    NOT EXISTS (SELECT FROM tenants
                WHERE tenants.id = jobs.tenant_id AND coalesce(max_running, $5) IS NOT NULL)
"""
)
# A tenant with a cap: its claims wait for each other at its row, so that the count is exact. A statement sees
# what was committed before it began, hence lock and count are two (PostgreSQL's manual, 13.2.1).
_CAP: Final = """
    SELECT coalesce(tenants.max_running, $3) FROM jobs JOIN tenants ON tenants.id = jobs.tenant_id
    WHERE jobs.id = $1 AND jobs.dispatch = $2 AND jobs.state = 'queued'
      AND coalesce(tenants.max_running, $3) IS NOT NULL
    FOR NO KEY UPDATE OF tenants
"""
_CLAIM_CAPPED: Final = _CLAIM_WHERE.format(permitted=f"{_RUNNING_OF_TENANT} < $5")
# Aside, until one of the tenant's running jobs ends: in the queue it would only come up again and again.
_PARK: Final = f"""
    UPDATE jobs SET parked = true, dispatched_at = NULL
    WHERE id = $1 AND dispatch = $2 AND state = 'queued' AND run_after <= now() AND NOT parked
      AND {_RUNNING_OF_TENANT} >= $3
"""
# The longest parked first; a level of priority counts as half a minute.
_UNPARK: Final = f"""
    WITH next AS (
        SELECT id FROM jobs WHERE parked AND tenant_id = $1
        ORDER BY queued_at - (priority - 5) * interval '30 s' LIMIT $2 FOR UPDATE SKIP LOCKED
    )
    UPDATE jobs SET parked = false, dispatch = dispatch + 1, dispatched_at = now()
    FROM next, tenants WHERE jobs.id = next.id AND tenants.id = jobs.tenant_id
    RETURNING {QUEUED_JOB_COLUMNS}
"""


async def claim(
    database: Database,
    entry: QueueEntry,
    *,
    worker_id: UUID,
    lease: timedelta,
    max_running: int | None = None,
) -> JobAttempt | None:
    """Take a queued job. None: somebody else did, it ended, it may not run now, or this entry is out of date.

    Args:
        database: connections to Postgres.
        entry: what came through Redis.
        worker_id: who claims.
        lease: how long the claim holds without a heartbeat.
        max_running: jobs that a tenant without a cap of its own may run at once; None: any number.

    Raises:
        UnavailableError: Postgres does not answer; whether the claim was made is not known, and the lease
            decides: nobody renews it.
    """
    arguments = (entry.job_id, entry.dispatch, worker_id, lease, max_running)
    row = await database.fetchrow(_CLAIM, *arguments)
    if row is not None:
        return _attempt(row, is_capped=False)
    row = await _claim_capped(database, entry, worker_id, lease, max_running)
    return None if row is None else _attempt(row, is_capped=True)


async def _claim_capped(
    database: Database, entry: QueueEntry, worker_id: UUID, lease: timedelta, max_running: int | None
) -> asyncpg.Record | None:
    """Claim for a tenant with a cap, or park the job when the cap is reached."""
    ids = (entry.job_id, entry.dispatch)
    async with database.transaction() as connection:
        cap = await connection.fetchval(_CAP, *ids, max_running)
        if cap is None:
            return None
        row = await connection.fetchrow(_CLAIM_CAPPED, *ids, worker_id, lease, cap)
        if row is None:
            await connection.execute(_PARK, *ids, cap)
        return row


def _attempt(row: asyncpg.Record, *, is_capped: bool) -> JobAttempt:
    return JobAttempt(
        job_id=row["id"],
        attempt=row["attempt"],
        tenant_id=row["tenant_id"],
        request=SealedRequest(row["request"], row["secrets"]),
        max_attempts=row["max_attempts"],
        failure_count=row["failure_count"],
        crash_count=row["crash_count"],
        created_at=row["created_at"],
        pickup_s=float(row["pickup_s"]),
        queued_s=float(row["queued_s"]),
        expires_in_s=None if row["expires_in_s"] is None else float(row["expires_in_s"]),
        schedule_id=row["schedule_id"],
        is_capped=is_capped,
        egress_allow=tuple(row["egress_allow"]),
        egress_deny=tuple(row["egress_deny"]),
    )


async def unpark(database: Database, tenant_id: UUID, *, count: int) -> list[QueuedJob]:
    """Let so many parked jobs of a tenant go on: each had its turn and did not run, so it goes first.

    Raises:
        UnavailableError: Postgres does not answer; the sweeper does it later.
    """
    rows = await database.fetch(_UNPARK, tenant_id, count)
    return [replace(queued_job_from_row(row), has_run=True, is_paid=True) for row in rows]
