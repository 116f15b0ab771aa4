"""What was lost between Postgres, Redis and workers, and how it is found again. All SQL of it.

The sweeper (`worker/sweeper.py`) calls this from every worker; rows are taken with SKIP LOCKED, so that
sweeps at the same time share the work instead of waiting for each other.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import asyncpg

from fleet.database import Pool, answering
from fleet.errors import ErrorType
from fleet.jobs import Delivery, State

# A job whose worker or browser died this often is not given to a third: it is probably what kills them.
CRASH_CAP: Final = 3


# The server's own start counts as an outage: whoever could not renew during it gets one lease of patience.
_TAKE_EXPIRED: Final = """
    WITH lost AS (
        SELECT id FROM jobs
        WHERE state = 'running' AND lease_until < now() AND pg_postmaster_start_time() < now() - $1::interval
        ORDER BY lease_until LIMIT $2 FOR UPDATE SKIP LOCKED
    ), moved AS (
        UPDATE jobs
        SET crash_count = crash_count + 1, lease_until = NULL,
            state = CASE WHEN crash_count + 1 >= $3 THEN 'failed' ELSE 'queued' END,
            finished_at = CASE WHEN crash_count + 1 >= $3 THEN now() END,
            error_type = CASE WHEN crash_count + 1 >= $3 THEN $4::text END,
            error_detail = CASE WHEN crash_count + 1 >= $3 THEN $5::text END,
            dispatch = dispatch + 1, queued_at = now(), run_after = now(), dispatched_at = now()
        FROM lost WHERE jobs.id = lost.id
        RETURNING jobs.id, jobs.attempt, jobs.dispatch, jobs.state
    ), recorded AS (
        UPDATE attempts SET finished_at = now(), outcome = 'lost', error_type = $4, error_detail = $5
        FROM moved WHERE attempts.job_id = moved.id AND attempts.attempt = moved.attempt
    )
    SELECT id, dispatch, state FROM moved
"""
# Rows that may be missing from Redis, the likely ones first, each a range of a small index:
# never handed over (Redis was silent, or run_after has come), handed over lately (the API may have died in
# between), and the head of the line (a worker may have died between taking the id and claiming).
_SUSPECTS: Final = """
    (SELECT id, dispatch FROM jobs
     WHERE state = 'queued' AND dispatched_at IS NULL AND run_after <= now() LIMIT $1)
    UNION
    (SELECT id, dispatch FROM jobs
     WHERE state = 'queued' AND dispatched_at BETWEEN now() - $3::interval AND now() - $2::interval LIMIT $1)
    UNION
    (SELECT id, dispatch FROM jobs
     WHERE state = 'queued' AND queued_at < now() - $2::interval AND run_after <= now()
     ORDER BY queued_at LIMIT $1)
"""
# After a flush everything is missing: walk the line from where the last page ended.
_QUEUED_AFTER: Final = """
    SELECT id, dispatch, queued_at FROM jobs
    WHERE state = 'queued' AND queued_at >= $1 AND run_after <= now() AND dispatched_at IS NOT NULL
    ORDER BY queued_at LIMIT $2
"""
_MARK_DISPATCHED: Final = """
    UPDATE jobs SET dispatched_at = now()
    FROM unnest($1::uuid[], $2::integer[]) AS sent (id, dispatch)
    WHERE jobs.id = sent.id AND jobs.dispatch = sent.dispatch AND jobs.state = 'queued'
"""
_MARK_UNDISPATCHED: Final = """
    UPDATE jobs SET dispatched_at = NULL WHERE id = $1 AND dispatch = $2 AND state = 'queued'
"""


@dataclass(frozen=True, slots=True)
class Expired:
    """Jobs taken from workers whose lease ran out."""

    requeued: Sequence[Delivery]
    failed: Sequence[UUID]


async def take_expired(pool: Pool, *, lease: timedelta, limit: int) -> Expired:
    """Put jobs with an expired lease back, or fail those that reached the crash cap.

    Raises:
        UnavailableError: Postgres does not answer.
    """
    detail = "the worker disappeared during the attempt, as did those before it; not tried again"
    async with answering():
        rows = await pool.fetch(_TAKE_EXPIRED, lease, limit, CRASH_CAP, ErrorType.WORKER_LOST, detail)
    return Expired(
        requeued=[_delivery(row) for row in rows if row["state"] == State.QUEUED],
        failed=[row["id"] for row in rows if row["state"] == State.FAILED],
    )


def _delivery(row: asyncpg.Record) -> Delivery:
    return Delivery(row["id"], row["dispatch"])


async def suspects(pool: Pool, *, limit: int, grace: timedelta, window: timedelta) -> list[Delivery]:
    """Queued jobs that may be missing from Redis, in a bounded number.

    Args:
        pool: connections to Postgres.
        limit: rows of each kind.
        grace: how long a delivery or a claim may be under way.
        window: how long ago a hand-over is looked at once more.

    Raises:
        UnavailableError: Postgres does not answer.
    """
    async with answering():
        rows = await pool.fetch(_SUSPECTS, limit, grace, window)
    return [_delivery(row) for row in rows]


async def queued_from(pool: Pool, start: datetime, *, limit: int) -> tuple[list[Delivery], datetime]:
    """A page of the whole line in order of time, and where the next page starts.

    Raises:
        UnavailableError: Postgres does not answer.
    """
    async with answering():
        rows = await pool.fetch(_QUEUED_AFTER, start, limit)
    return [_delivery(row) for row in rows], rows[-1]["queued_at"] if rows else start


async def mark_dispatched(pool: Pool, deliveries: Sequence[Delivery]) -> None:
    """Remember that these were handed to Redis just now.

    Raises:
        UnavailableError: Postgres does not answer.
    """
    async with answering():
        await pool.execute(
            _MARK_DISPATCHED, [sent.job_id for sent in deliveries], [sent.dispatch for sent in deliveries]
        )


async def mark_undispatched(pool: Pool, delivery: Delivery) -> None:
    """Remember that Redis did not take this one, so that the next sweep carries it over.

    Raises:
        UnavailableError: Postgres does not answer.
    """
    async with answering():
        await pool.execute(_MARK_UNDISPATCHED, delivery.job_id, delivery.dispatch)
