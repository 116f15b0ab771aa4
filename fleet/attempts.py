"""What a worker does to a job that it holds: claim, renew, finish, put back. All SQL of it.

Three rules carry the promise that no accepted job is lost or ends twice:

1. The claim is one UPDATE from queued to running that raises `attempt`. Redis may deliver an id twice or a
   hundred times; one claim wins.
2. Every later write is fenced by `id AND attempt AND state = 'running'`. Who lost the lease writes nothing.
3. Times are the database's clock, never a worker's.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import asyncpg

from fleet.database import Pool, answering
from fleet.errors import ErrorType
from fleet.jobs import WAITING_COLUMNS, Delivery, State, Waiting, waiting_from_row


@dataclass(frozen=True, slots=True)
class Attempt:
    """One execution of a job, as claimed. `(job_id, attempt)` is the fence of everything that follows.

    Attributes:
        expires_in_s: seconds until the job is given up; None: never.
        is_capped: whether its tenant may run only so many jobs at once.
    """

    job_id: UUID
    attempt: int
    tenant_id: UUID
    request_json: str
    max_attempts: int
    failure_count: int
    crash_count: int
    created_at: datetime
    pickup_s: float
    queued_s: float
    expires_in_s: float | None
    schedule_id: UUID | None
    is_capped: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended, ready to be written.

    Attributes:
        is_quarantined: whether the job is set aside as one that kills what renders it.
        unchanged: for a scheduled picture, whether it equals the last one; then nobody is told.
    """

    state: State
    browser_generation: int | None = None
    artifact_key: str | None = None
    artifact: dict[str, Any] | None = None
    error_type: ErrorType | None = None
    error_detail: str | None = None
    page: dict[str, Any] | None = None
    timings_ms: dict[str, float] | None = None
    warnings: Sequence[str] = ()
    is_quarantined: bool = False
    unchanged: bool | None = None


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
        RETURNING id, attempt, tenant_id, request, max_attempts, failure_count, crash_count, created_at,
                  schedule_id, extract(epoch FROM expires_at - now()) AS expires_in_s,
                  extract(epoch FROM clock_timestamp() - greatest(queued_at, run_after)) AS pickup_s,
                  extract(epoch FROM now() - created_at) AS queued_s
    ), recorded AS (
        INSERT INTO attempts (job_id, attempt, worker_id) SELECT id, attempt, $3 FROM claimed
    )
    SELECT * FROM claimed
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
# Aside, until one of the tenant's running jobs ends: in the line it would only come up again and again.
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
    RETURNING {WAITING_COLUMNS}
"""
# What does not come back is not ours any more. The caller cancels it.
_RENEW: Final = """
    UPDATE jobs SET lease_until = now() + $3
    FROM unnest($1::uuid[], $2::integer[]) AS mine (id, attempt)
    WHERE jobs.id = mine.id AND jobs.attempt = mine.attempt AND jobs.state = 'running'
    RETURNING jobs.id, jobs.attempt, jobs.cancel_requested
"""
_FINISH: Final = """
    WITH finished AS (
        UPDATE jobs
        SET state = $3, finished_at = now(), lease_until = NULL, browser_generation = $4, artifact_key = $5,
            artifact = $6, error_type = $7, error_detail = $8, page = $9, timings_ms = $10, warnings = $11,
            quarantined_at = CASE WHEN $12 THEN now() END, unchanged = $13
        WHERE id = $1 AND attempt = $2 AND state = 'running'
        RETURNING id, attempt
    ), recorded AS (
        UPDATE attempts
        SET finished_at = now(), outcome = $3, browser_generation = $4, error_type = $7, error_detail = $8
        FROM finished WHERE attempts.job_id = finished.id AND attempts.attempt = finished.attempt
    )
    SELECT id FROM finished
"""
# After a broken commit: did our own finish get through?
_IS_OURS: Final = """
    SELECT EXISTS (
        SELECT FROM jobs
        WHERE id = $1 AND attempt = $2 AND state = $3
          AND artifact_key IS NOT DISTINCT FROM $4 AND error_type IS NOT DISTINCT FROM $5
    )
"""
# Back to the queue: after a failure (counted as failure or crash) or from a stopping worker (not counted).
# What its owner has cancelled meanwhile, or what has expired, does not go back but ends.
_PUT_BACK: Final = f"""
    WITH freed AS (
        UPDATE jobs
        SET state = CASE WHEN cancel_requested THEN 'cancelled' WHEN expires_at <= now() THEN 'expired'
                         ELSE 'queued' END,
            finished_at = CASE WHEN cancel_requested OR expires_at <= now() THEN now() END,
            lease_until = NULL, dispatch = dispatch + 1, queued_at = now(),
            run_after = now() + $3, dispatched_at = CASE WHEN $3 = interval '0' THEN now() END,
            failure_count = failure_count + $4, crash_count = crash_count + $5
        FROM tenants
        WHERE jobs.id = $1 AND attempt = $2 AND state = 'running' AND tenants.id = jobs.tenant_id
        RETURNING jobs.attempt, jobs.state, {WAITING_COLUMNS}
    ), recorded AS (
        UPDATE attempts
        SET finished_at = now(), outcome = CASE freed.state WHEN 'queued' THEN $6 ELSE freed.state END,
            error_type = $7, error_detail = $8
        FROM freed WHERE attempts.job_id = freed.id AND attempts.attempt = freed.attempt
    )
    SELECT * FROM freed
"""


async def claim(
    pool: Pool, delivery: Delivery, *, worker_id: UUID, lease: timedelta, max_running: int | None = None
) -> Attempt | None:
    """Take a queued job. None: somebody else did, it ended, it may not run now, or this delivery is stale.

    Args:
        pool: connections to Postgres.
        delivery: what came through Redis.
        worker_id: who claims.
        lease: how long the claim holds without a heartbeat.
        max_running: jobs that a tenant without a cap of its own may run at once; None: any number.

    Raises:
        UnavailableError: Postgres does not answer; whether the claim was made is not known, and the lease
            decides: nobody renews it.
    """
    arguments = (delivery.job_id, delivery.dispatch, worker_id, lease, max_running)
    async with answering():
        row = await pool.fetchrow(_CLAIM, *arguments)
        if row is not None:
            return _attempt(row, is_capped=False)
        row = await _claim_capped(pool, delivery, worker_id, lease, max_running)
    return None if row is None else _attempt(row, is_capped=True)


async def _claim_capped(
    pool: Pool, delivery: Delivery, worker_id: UUID, lease: timedelta, max_running: int | None
) -> asyncpg.Record | None:
    """Claim for a tenant with a cap, or park the job when the cap is reached."""
    ids = (delivery.job_id, delivery.dispatch)
    async with pool.acquire() as connection, connection.transaction():
        cap = await connection.fetchval(_CAP, *ids, max_running)
        if cap is None:
            return None
        row = await connection.fetchrow(_CLAIM_CAPPED, *ids, worker_id, lease, cap)
        if row is None:
            await connection.execute(_PARK, *ids, cap)
        return row


def _attempt(row: asyncpg.Record, *, is_capped: bool) -> Attempt:
    return Attempt(
        job_id=row["id"],
        attempt=row["attempt"],
        tenant_id=row["tenant_id"],
        request_json=row["request"],
        max_attempts=row["max_attempts"],
        failure_count=row["failure_count"],
        crash_count=row["crash_count"],
        created_at=row["created_at"],
        pickup_s=float(row["pickup_s"]),
        queued_s=float(row["queued_s"]),
        expires_in_s=None if row["expires_in_s"] is None else float(row["expires_in_s"]),
        schedule_id=row["schedule_id"],
        is_capped=is_capped,
    )


async def unpark(pool: Pool, tenant_id: UUID, *, count: int) -> list[Waiting]:
    """Let so many parked jobs of a tenant go on: each had its turn, so it goes to the head of the line.

    Raises:
        UnavailableError: Postgres does not answer; the sweeper does it later.
    """
    async with answering():
        rows = await pool.fetch(_UNPARK, tenant_id, count)
    return [replace(waiting_from_row(row), has_run=True) for row in rows]


@dataclass(frozen=True, slots=True)
class Renewal:
    """Answer to a heartbeat: the attempts that are still ours, and those whose cancelling is wanted."""

    held: frozenset[tuple[UUID, int]]
    to_cancel: frozenset[tuple[UUID, int]]


async def renew(pool: Pool, held: Sequence[tuple[UUID, int]], *, lease: timedelta) -> Renewal:
    """Prolong the leases of these `(job_id, attempt)` pairs.

    Raises:
        UnavailableError: Postgres does not answer; nothing is known.
    """
    async with answering():
        rows = await pool.fetch(_RENEW, [pair[0] for pair in held], [pair[1] for pair in held], lease)
    return Renewal(
        held=frozenset((row["id"], row["attempt"]) for row in rows),
        to_cancel=frozenset((row["id"], row["attempt"]) for row in rows if row["cancel_requested"]),
    )


def _json(value: object) -> str | None:
    return None if value is None else json.dumps(value)


async def finish(pool: Pool, attempt: Attempt, outcome: Outcome) -> bool:
    """End a job. False: the fence refused, the job is no longer this attempt's.

    Safe to repeat: when an earlier call was cut off in its commit and went through, this one says True.

    Raises:
        UnavailableError: Postgres does not answer; call again.
    """
    async with answering(), pool.acquire() as connection:
        row = await connection.fetchrow(
            _FINISH,
            attempt.job_id,
            attempt.attempt,
            outcome.state,
            outcome.browser_generation,
            outcome.artifact_key,
            _json(outcome.artifact),
            outcome.error_type,
            outcome.error_detail,
            _json(outcome.page),
            _json(outcome.timings_ms),
            _json(list(outcome.warnings)),
            outcome.is_quarantined,
            outcome.unchanged,
        )
        if row is not None:
            return True
        return bool(
            await connection.fetchval(
                _IS_OURS,
                attempt.job_id,
                attempt.attempt,
                outcome.state,
                outcome.artifact_key,
                outcome.error_type,
            )
        )


@dataclass(frozen=True, slots=True)
class PutBack:
    """Where a job went that was put back.

    Attributes:
        state: queued, or cancelled or expired when that was due.
        waiting: for the line; None when the job has ended.
    """

    state: State
    waiting: Waiting | None


async def _put_back(
    pool: Pool,
    attempt: Attempt,
    delay: timedelta,
    counted: tuple[int, int],
    record: tuple[str, ErrorType | None, str | None],
) -> PutBack | None:
    async with answering():
        row = await pool.fetchrow(_PUT_BACK, attempt.job_id, attempt.attempt, delay, *counted, *record)
    if row is None:
        return None
    state = State(row["state"])
    return PutBack(state, waiting_from_row(row) if state is State.QUEUED else None)


async def retry_later(
    pool: Pool,
    attempt: Attempt,
    *,
    delay: timedelta,
    is_crash: bool,
    error_type: ErrorType,
    error_detail: str,
) -> PutBack | None:
    """Queue a failed attempt's job again after `delay`. None: the fence refused.

    Raises:
        UnavailableError: Postgres does not answer; call again.
    """
    counted = (0, 1) if is_crash else (1, 0)
    return await _put_back(pool, attempt, delay, counted, ("retried", error_type, error_detail))


async def hand_back(pool: Pool, attempt: Attempt) -> PutBack | None:
    """Queue the job of a stopping worker again, at once and uncounted. None: the fence refused.

    Raises:
        UnavailableError: Postgres does not answer; the lease will run out instead.
    """
    return await _put_back(pool, attempt, timedelta(), (0, 0), ("handed_back", None, None))
