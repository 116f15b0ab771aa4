"""What was lost between Postgres, Redis and workers, and how it is found again. All SQL of it.

The sweeper (`worker/maintenance/sweeper.py`) calls this from every worker; rows are taken with SKIP LOCKED,
so that sweeps at the same time share the work instead of waiting for each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from fleet.database import Database
from fleet.errors import ErrorType
from fleet.jobs.job import State
from fleet.queue.entry import QUEUED_JOB_COLUMNS, QueuedJob, QueueEntry, queued_job_from_row

# A job whose worker or browser died this often is not given to a third: it is probably what kills them.
CRASH_CAP: Final = 3


# The server's own start counts as an outage: whoever could not renew during it gets one lease of patience.
_TAKE_EXPIRED: Final = f"""
    WITH lost AS (
        SELECT id, CASE WHEN cancel_requested THEN 'cancelled' WHEN expires_at <= now() THEN 'expired'
                        WHEN crash_count + 1 >= $3 THEN 'failed' ELSE 'queued' END AS next_state
        FROM jobs
        WHERE state = 'running' AND lease_until < now() AND pg_postmaster_start_time() < now() - $1::interval
        ORDER BY lease_until LIMIT $2 FOR UPDATE SKIP LOCKED
    ), moved AS (
        UPDATE jobs
        SET crash_count = crash_count + 1, lease_until = NULL, state = next_state,
            finished_at = CASE WHEN next_state <> 'queued' THEN now() END,
            error_type = CASE WHEN next_state = 'failed' THEN $4::text END,
            error_detail = CASE WHEN next_state = 'failed' THEN $5::text END,
            quarantined_at = CASE WHEN next_state = 'failed' THEN now() END,
            dispatch = dispatch + 1, queued_at = now(), run_after = now(), dispatched_at = now()
        FROM lost, tenants WHERE jobs.id = lost.id AND tenants.id = jobs.tenant_id
        RETURNING jobs.attempt, jobs.state, {QUEUED_JOB_COLUMNS}
    ), recorded AS (
        UPDATE attempts SET finished_at = now(), outcome = 'lost', error_type = $4, error_detail = $5
        FROM moved WHERE attempts.job_id = moved.id AND attempts.attempt = moved.attempt
    )
    SELECT * FROM moved
"""
_EXPIRE: Final = """
    WITH due AS (
        SELECT id FROM jobs WHERE state = 'queued' AND expires_at <= now()
        ORDER BY expires_at LIMIT $1 FOR UPDATE SKIP LOCKED
    )
    UPDATE jobs SET state = 'expired', parked = false, finished_at = now()
    FROM due WHERE jobs.id = due.id RETURNING jobs.id, jobs.dispatch
"""
# Tenants with parked jobs although they could run more: the end of a running job did not let one go on.
_ROOM: Final = """
    SELECT tenants.id, coalesce(max_running, $1, 1000) - (
               SELECT count(*) FROM jobs WHERE tenant_id = tenants.id AND state = 'running') AS room
    FROM tenants WHERE id IN (SELECT DISTINCT tenant_id FROM jobs WHERE parked)
"""
# Rows that may be missing from Redis, the likely ones first, each a range of a small index:
# never handed over (Redis was silent, or run_after has come), handed over lately (the API may have died in
# between), and the head of the line (a worker may have died between taking the id and claiming).
_QUEUED: Final = "id, dispatch, tenant_id, priority, attempt, queued_at"
_SUSPECTS: Final = f"""
    SELECT {QUEUED_JOB_COLUMNS} FROM (
        (SELECT {_QUEUED} FROM jobs
         WHERE state = 'queued' AND dispatched_at IS NULL AND run_after <= now() AND NOT parked LIMIT $1)
        UNION
        (SELECT {_QUEUED} FROM jobs
         WHERE state = 'queued' AND dispatched_at BETWEEN now() - $3::interval AND now() - $2::interval
         LIMIT $1)
        UNION
        (SELECT {_QUEUED} FROM jobs
         WHERE state = 'queued' AND queued_at < now() - $2::interval AND run_after <= now() AND NOT parked
         ORDER BY queued_at LIMIT $1)
    ) AS jobs JOIN tenants ON tenants.id = jobs.tenant_id ORDER BY jobs.queued_at
"""
# After a flush everything is missing: walk the line from where the last page ended.
_QUEUED_AFTER: Final = f"""
    SELECT {QUEUED_JOB_COLUMNS}, queued_at FROM jobs JOIN tenants ON tenants.id = jobs.tenant_id
    WHERE state = 'queued' AND queued_at >= $1 AND run_after <= now() AND dispatched_at IS NOT NULL
    ORDER BY queued_at LIMIT $2
"""
# Nobody has handed these over: they were to run later (a retry, `run_at`), or Redis was silent.
_DUE: Final = f"""
    SELECT {QUEUED_JOB_COLUMNS} FROM jobs JOIN tenants ON tenants.id = jobs.tenant_id
    WHERE state = 'queued' AND dispatched_at IS NULL AND run_after <= now() AND NOT parked
    ORDER BY run_after LIMIT $1
"""
_MARK_DISPATCHED: Final = """
    UPDATE jobs SET dispatched_at = now()
    FROM unnest($1::uuid[], $2::integer[]) AS sent (id, dispatch)
    WHERE jobs.id = sent.id AND jobs.dispatch = sent.dispatch AND jobs.state = 'queued'
"""
_MARK_UNDISPATCHED: Final = """
    UPDATE jobs SET dispatched_at = NULL
    FROM unnest($1::uuid[], $2::integer[]) AS unsent (id, dispatch)
    WHERE jobs.id = unsent.id AND jobs.dispatch = unsent.dispatch AND jobs.state = 'queued'
"""


@dataclass(frozen=True, slots=True)
class Expired:
    """Jobs taken from workers whose lease ran out: queued again, or ended."""

    requeued: Sequence[QueuedJob]
    ended: Sequence[tuple[UUID, State]]


async def take_expired(database: Database, *, lease: timedelta, limit: int) -> Expired:
    """Put jobs back whose lease has run out, or end what was cancelled, has expired or crashed too often."""
    detail = "the worker disappeared during the attempt, as did those before it; not tried again"
    rows = await database.fetch(_TAKE_EXPIRED, lease, limit, CRASH_CAP, ErrorType.WORKER_LOST, detail)
    return Expired(
        requeued=[queued_job_from_row(row) for row in rows if row["state"] == State.QUEUED],
        ended=[(row["id"], State(row["state"])) for row in rows if row["state"] != State.QUEUED],
    )


async def expire(database: Database, *, limit: int) -> list[QueueEntry]:
    """End queued jobs whose time is over; what of them is in Redis."""
    rows = await database.fetch(_EXPIRE, limit)
    return [QueueEntry(row["id"], row["dispatch"]) for row in rows]


async def room_of_parked(database: Database, *, max_running: int | None) -> dict[UUID, int]:
    """Tenants with parked jobs that may run more than they do, and how many more."""
    rows = await database.fetch(_ROOM, max_running)
    return {row["id"]: row["room"] for row in rows if row["room"] > 0}


async def suspects(database: Database, *, limit: int, grace: timedelta, window: timedelta) -> list[QueuedJob]:
    """Queued jobs that may be missing from Redis, in a bounded number.

    Args:
        database: connections to Postgres.
        limit: rows of each kind.
        grace: how long it may take to send an entry, or to claim a job with it.
        window: how long ago a hand-over is looked at once more.
    """
    rows = await database.fetch(_SUSPECTS, limit, grace, window)
    return [queued_job_from_row(row) for row in rows]


async def queued_from(database: Database, start: datetime, *, limit: int) -> tuple[list[QueuedJob], datetime]:
    """A page of the whole line in order of time, and where the next page starts."""
    rows = await database.fetch(_QUEUED_AFTER, start, limit)
    return [queued_job_from_row(row) for row in rows], rows[-1]["queued_at"] if rows else start


async def due(database: Database, *, limit: int) -> list[QueuedJob]:
    """Queued jobs whose time has come and that nobody has handed to Redis."""
    rows = await database.fetch(_DUE, limit)
    return [queued_job_from_row(row) for row in rows]


async def mark_dispatched(database: Database, entries: Sequence[QueueEntry]) -> None:
    """Remember that these were handed to Redis just now."""
    await database.execute(
        _MARK_DISPATCHED, [sent.job_id for sent in entries], [sent.dispatch for sent in entries]
    )


async def mark_undispatched(database: Database, entries: Sequence[QueueEntry]) -> None:
    """Remember that Redis did not take these, so that the next sweep carries them over."""
    await database.execute(
        _MARK_UNDISPATCHED, [sent.job_id for sent in entries], [sent.dispatch for sent in entries]
    )
