"""Finding jobs that were lost between Postgres, Redis and workers, and recovering them. All SQL of it.

The sweeper (`worker/maintenance/sweeper.py`) of every worker calls this. Rows are taken with SKIP LOCKED:
sweeps at the same time share the work and do not wait for each other.
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

# A job whose attempts have crashed this often is not tried again: it is probably the cause of the crashes.
CRASH_CAP: Final = 3


# While Postgres was down, no worker could renew its lease. So for the time of one lease after the start of
# Postgres no lease counts as expired.
_TAKE_BACK: Final = f"""
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
# Tenants that have parked jobs although they may run more: whoever ended one of their running jobs could not
# unpark the next one.
_FREE_PLACES: Final = """
    SELECT tenants.id, coalesce(max_running, $1, 1000) - (
               SELECT count(*) FROM jobs WHERE tenant_id = tenants.id AND state = 'running') AS room
    FROM tenants WHERE id IN (SELECT DISTINCT tenant_id FROM jobs WHERE parked)
"""
# Three kinds of jobs may be missing in Redis. Each is a range of a small index:
# - those that were not sent: Redis did not answer, or `run_after` has come;
# - those that were sent lately: the API may have died between the commit and sending them;
# - those that have been queued for longest: a worker may have died between taking the entry and claiming.
_QUEUED: Final = "id, dispatch, tenant_id, priority, attempt, queued_at"
_POSSIBLY_MISSING: Final = f"""
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
# For a walk through all queued jobs, page by page: after a flush of Redis all of them are missing.
_QUEUED_SINCE: Final = f"""
    SELECT {QUEUED_JOB_COLUMNS}, queued_at FROM jobs JOIN tenants ON tenants.id = jobs.tenant_id
    WHERE state = 'queued' AND queued_at >= $1 AND run_after <= now() AND dispatched_at IS NOT NULL
    ORDER BY queued_at LIMIT $2
"""
# These were not sent to Redis: they were to run later (a later attempt, `run_at`), or Redis did not answer.
_NOT_SENT: Final = f"""
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
class TakenBack:
    """Jobs whose lease has run out: they are queued again, or have ended."""

    requeued: Sequence[QueuedJob]
    ended: Sequence[tuple[UUID, State]]


async def take_back_lost(database: Database, *, lease: timedelta, limit: int) -> TakenBack:
    """Queue jobs again whose lease has run out. End those that were cancelled, expired or crashed too often.

    Args:
        database: connections to Postgres.
        lease: how long a lease is.
        limit: how many jobs at most.
    """
    detail = "the worker disappeared during the attempt, as did those before it; not tried again"
    rows = await database.fetch(_TAKE_BACK, lease, limit, CRASH_CAP, ErrorType.WORKER_LOST, detail)
    return TakenBack(
        requeued=[queued_job_from_row(row) for row in rows if row["state"] == State.QUEUED],
        ended=[(row["id"], State(row["state"])) for row in rows if row["state"] != State.QUEUED],
    )


async def expire_queued(database: Database, *, limit: int) -> list[QueueEntry]:
    """End queued jobs whose `expires_at` has come; returns their entries, which may still be in Redis."""
    rows = await database.fetch(_EXPIRE, limit)
    return [QueueEntry(row["id"], row["dispatch"]) for row in rows]


async def free_places(database: Database, *, max_running: int | None) -> dict[UUID, int]:
    """The tenants that have parked jobs and may run more jobs now, and how many more."""
    rows = await database.fetch(_FREE_PLACES, max_running)
    return {row["id"]: row["room"] for row in rows if row["room"] > 0}


async def possibly_missing(
    database: Database, *, limit: int, grace: timedelta, window: timedelta
) -> list[QueuedJob]:
    """Queued jobs that may be missing in Redis, of each kind at most `limit`.

    Args:
        database: connections to Postgres.
        limit: jobs of each kind.
        grace: how long it may take to send an entry, or to claim a job with it.
        window: jobs that were sent within this time are checked once more.
    """
    rows = await database.fetch(_POSSIBLY_MISSING, limit, grace, window)
    return [queued_job_from_row(row) for row in rows]


async def queued_since(
    database: Database, start: datetime, *, limit: int
) -> tuple[list[QueuedJob], datetime]:
    """A page of all queued jobs, in the order in which they were queued, and where the next page starts."""
    rows = await database.fetch(_QUEUED_SINCE, start, limit)
    return [queued_job_from_row(row) for row in rows], rows[-1]["queued_at"] if rows else start


async def not_sent(database: Database, *, limit: int) -> list[QueuedJob]:
    """Queued jobs that may run now and were not sent to Redis."""
    rows = await database.fetch(_NOT_SENT, limit)
    return [queued_job_from_row(row) for row in rows]


async def mark_dispatched(database: Database, entries: Sequence[QueueEntry]) -> None:
    """Note that these were sent to Redis just now."""
    await database.execute(
        _MARK_DISPATCHED, [sent.job_id for sent in entries], [sent.dispatch for sent in entries]
    )


async def mark_undispatched(database: Database, entries: Sequence[QueueEntry]) -> None:
    """Note that Redis did not take these, so that the next sweep sends them."""
    await database.execute(
        _MARK_UNDISPATCHED, [sent.job_id for sent in entries], [sent.dispatch for sent in entries]
    )
