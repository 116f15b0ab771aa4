"""How a worker gets a job: the claim, and the cap that a tenant may have on its running jobs.

The claim is one UPDATE from queued to running that raises `attempt`. Redis may give the same entry to many
workers; one of their claims succeeds. What the worker writes from then on is in
`fleet/jobs/attempts/attempt.py`.
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
    """One attempt to render a job, as claimed. All later writes name `(job_id, attempt)`.

    Attributes:
        request: as it is stored, with its secrets sealed.
        pickup_s: seconds from the time when the job could be claimed to the claim.
        queued_s: seconds from the acceptance of the job to the claim.
        bundle_id: the bundle in which the files of its page are; None: none was uploaded.
        expires_in_s: seconds until the job expires; None: never.
        replay_of: the job whose recorded requests it is rendered from; None: from the web.
        is_capped: whether the number of jobs that its tenant may run at once is limited.
        has_webhook: whether somebody is told of the job's end.
        egress_allow: addresses that its tenant reaches besides those of the settings, as in `EGRESS_ALLOW`.
        egress_deny: addresses that its tenant does not reach, as in `EGRESS_DENY`.
        traceparent: of what has made the job, or of who has called; None: nobody traces it.
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
    bundle_id: UUID | None
    is_capped: bool
    has_webhook: bool
    replay_of: UUID | None = None
    egress_allow: tuple[str, ...] = ()
    egress_deny: tuple[str, ...] = ()
    traceparent: str | None = None


# How many jobs of this job's tenant run now. It is exact only while the lock of _CAP is held.
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
        RETURNING id, attempt, tenant_id, request, secrets, content, bundle_id, replay_of, max_attempts,
                  failure_count, crash_count, created_at, schedule_id, traceparent,
                  webhook_url IS NOT NULL AS has_webhook,
                  extract(epoch FROM expires_at - now()) AS expires_in_s,
                  extract(epoch FROM clock_timestamp() - greatest(queued_at, run_after)) AS pickup_s,
                  extract(epoch FROM now() - created_at) AS queued_s
    ), recorded AS (
        INSERT INTO attempts (job_id, attempt, worker_id) SELECT id, attempt, $3 FROM claimed
    )
    SELECT claimed.*, tenants.egress_allow, tenants.egress_deny
    FROM claimed JOIN tenants ON tenants.id = claimed.tenant_id
"""
# The usual case takes one statement: the tenant has no cap.
_CLAIM: Final = _CLAIM_WHERE.format(
    permitted="""
    NOT EXISTS (SELECT FROM tenants
                WHERE tenants.id = jobs.tenant_id AND coalesce(max_running, $5) IS NOT NULL)
"""
)
# If the tenant has a cap, claims of its jobs lock its row one after the other, so that the count is exact.
# Lock and count are two statements, because a statement sees only what was committed before it began
# (PostgreSQL's manual, 13.2.1).
_CAP: Final = """
    SELECT coalesce(tenants.max_running, $3) FROM jobs JOIN tenants ON tenants.id = jobs.tenant_id
    WHERE jobs.id = $1 AND jobs.dispatch = $2 AND jobs.state = 'queued'
      AND coalesce(tenants.max_running, $3) IS NOT NULL
    FOR NO KEY UPDATE OF tenants
"""
_CLAIM_CAPPED: Final = _CLAIM_WHERE.format(permitted=f"{_RUNNING_OF_TENANT} < $5")
# The job is parked until one of the tenant's running jobs ends. In Redis, it would be taken again and again.
_PARK: Final = f"""
    UPDATE jobs SET parked = true, dispatched_at = NULL
    WHERE id = $1 AND dispatch = $2 AND state = 'queued' AND run_after <= now() AND NOT parked
      AND {_RUNNING_OF_TENANT} >= $3
"""
# The job that has been queued for longest goes first; each level of priority counts as half a minute.
_UNPARK: Final = f"""
    WITH next AS (
        SELECT id FROM jobs WHERE parked AND tenant_id = $1
        ORDER BY queued_at - (priority - 5) * interval '30 s' LIMIT $2 FOR UPDATE SKIP LOCKED
    )
    UPDATE jobs SET parked = false, dispatch = dispatch + 1, dispatched_at = now()
    FROM next, tenants WHERE jobs.id = next.id AND tenants.id = jobs.tenant_id
    RETURNING {QUEUED_JOB_COLUMNS}
"""
# A job whose claim was refused although it waits: the fleet was paused, or another job of its tenant ended
# between the claim and the attempt to park it. The new number makes entries that Redis still has outdated.
_QUEUE_AGAIN: Final = f"""
    UPDATE jobs SET dispatch = dispatch + 1, dispatched_at = now()
    FROM tenants
    WHERE jobs.id = $1 AND dispatch = $2 AND state = 'queued' AND run_after <= now() AND NOT cancel_requested
      AND NOT parked AND (expires_at IS NULL OR expires_at > now()) AND tenants.id = jobs.tenant_id
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
    """Claim a queued job. None: another worker did, it ended, it may not run now, or the entry is outdated.

    Args:
        database: connections to Postgres.
        entry: the entry that was taken from Redis.
        worker_id: the worker that claims.
        lease: how long the claim lasts without a heartbeat.
        max_running: jobs that a tenant without a cap of its own may run at once; None: any number.

    Raises:
        UnavailableError: Postgres does not answer. Whether the job was claimed is not known; if it was, its
            lease runs out, and the job is queued again.
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
    """Claim a job of a tenant with a cap, or park it if the cap is reached."""
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
        request=SealedRequest(row["request"], row["secrets"], row["content"]),
        max_attempts=row["max_attempts"],
        failure_count=row["failure_count"],
        crash_count=row["crash_count"],
        created_at=row["created_at"],
        pickup_s=float(row["pickup_s"]),
        queued_s=float(row["queued_s"]),
        expires_in_s=None if row["expires_in_s"] is None else float(row["expires_in_s"]),
        schedule_id=row["schedule_id"],
        bundle_id=row["bundle_id"],
        is_capped=is_capped,
        has_webhook=row["has_webhook"],
        replay_of=row["replay_of"],
        egress_allow=tuple(row["egress_allow"]),
        egress_deny=tuple(row["egress_deny"]),
        traceparent=row["traceparent"],
    )


async def unpark(database: Database, tenant_id: UUID, *, count: int) -> list[QueuedJob]:
    """Unpark so many jobs of a tenant. They go first in the queue, because they had their turn before.

    Raises:
        UnavailableError: Postgres does not answer; the sweeper unparks them later.
    """
    rows = await database.fetch(_UNPARK, tenant_id, count)
    return [replace(queued_job_from_row(row), has_run=True, is_paid=True) for row in rows]


async def queue_again(database: Database, entry: QueueEntry) -> QueuedJob | None:
    """Give a job a new entry whose claim was refused although it waits; None: it does not wait.

    Without this, its old entry is gone from Redis and it waits until the sweeper misses it.

    Raises:
        UnavailableError: Postgres does not answer.
    """
    row = await database.fetchrow(_QUEUE_AGAIN, entry.job_id, entry.dispatch)
    return None if row is None else queued_job_from_row(row)
