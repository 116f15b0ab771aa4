"""What a worker does to a job that it holds: claim, renew, finish, put back. All SQL of it.

Three rules carry the promise that no accepted job is lost or ends twice:

1. The claim is one UPDATE from queued to running that raises `attempt`. Redis may deliver an id twice or a
   hundred times; one claim wins.
2. Every later write is fenced by `id AND attempt AND state = 'running'`. Who lost the lease writes nothing.
3. Times are the database's clock, never a worker's.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from fleet.database import Pool, answering
from fleet.errors import ErrorType
from fleet.jobs import Delivery, State


@dataclass(frozen=True, slots=True)
class Attempt:
    """One execution of a job, as claimed. `(job_id, attempt)` is the fence of everything that follows."""

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


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended, ready to be written."""

    state: State
    browser_generation: int | None = None
    artifact_key: str | None = None
    artifact: dict[str, Any] | None = None
    error_type: ErrorType | None = None
    error_detail: str | None = None
    page: dict[str, Any] | None = None
    timings_ms: dict[str, float] | None = None
    warnings: Sequence[str] = ()


_CLAIM: Final = """
    WITH claimed AS (
        UPDATE jobs
        SET state = 'running', attempt = attempt + 1, lease_until = now() + $4, worker_id = $3,
            browser_generation = NULL, started_at = now()
        WHERE id = $1 AND dispatch = $2 AND state = 'queued' AND run_after <= now() AND NOT cancel_requested
        RETURNING id, attempt, tenant_id, request, max_attempts, failure_count, crash_count, created_at,
                  extract(epoch FROM clock_timestamp() - greatest(queued_at, run_after)) AS pickup_s,
                  extract(epoch FROM now() - created_at) AS queued_s
    ), recorded AS (
        INSERT INTO attempts (job_id, attempt, worker_id) SELECT id, attempt, $3 FROM claimed
    )
    SELECT * FROM claimed
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
            artifact = $6, error_type = $7, error_detail = $8, page = $9, timings_ms = $10, warnings = $11
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
_PUT_BACK: Final = """
    WITH freed AS (
        UPDATE jobs
        SET state = 'queued', lease_until = NULL, dispatch = dispatch + 1, queued_at = now(),
            run_after = now() + $3, dispatched_at = CASE WHEN $3 = interval '0' THEN now() END,
            failure_count = failure_count + $4, crash_count = crash_count + $5
        WHERE id = $1 AND attempt = $2 AND state = 'running'
        RETURNING id, attempt, dispatch
    ), recorded AS (
        UPDATE attempts SET finished_at = now(), outcome = $6, error_type = $7, error_detail = $8
        FROM freed WHERE attempts.job_id = freed.id AND attempts.attempt = freed.attempt
    )
    SELECT id, dispatch FROM freed
"""


async def claim(pool: Pool, delivery: Delivery, *, worker_id: UUID, lease: timedelta) -> Attempt | None:
    """Take a queued job. None: somebody else did, it ended, or this delivery is stale.

    Raises:
        UnavailableError: Postgres does not answer; whether the claim was made is not known, and the lease
            decides: nobody renews it.
    """
    async with answering():
        row = await pool.fetchrow(_CLAIM, delivery.job_id, delivery.dispatch, worker_id, lease)
    if row is None:
        return None
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
    )


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


async def _put_back(
    pool: Pool,
    attempt: Attempt,
    delay: timedelta,
    counted: tuple[int, int],
    record: tuple[str, ErrorType | None, str | None],
) -> Delivery | None:
    async with answering():
        row = await pool.fetchrow(_PUT_BACK, attempt.job_id, attempt.attempt, delay, *counted, *record)
    return None if row is None else Delivery(row["id"], row["dispatch"])


async def retry_later(
    pool: Pool,
    attempt: Attempt,
    *,
    delay: timedelta,
    is_crash: bool,
    error_type: ErrorType,
    error_detail: str,
) -> Delivery | None:
    """Queue a failed attempt's job again after `delay`. None: the fence refused.

    Raises:
        UnavailableError: Postgres does not answer; call again.
    """
    counted = (0, 1) if is_crash else (1, 0)
    return await _put_back(pool, attempt, delay, counted, ("retried", error_type, error_detail))


async def hand_back(pool: Pool, attempt: Attempt) -> Delivery | None:
    """Queue the job of a stopping worker again, at once and uncounted. None: the fence refused.

    Raises:
        UnavailableError: Postgres does not answer; the lease will run out instead.
    """
    return await _put_back(pool, attempt, timedelta(), (0, 0), ("handed_back", None, None))
