"""What a worker writes about a job that it has claimed: renew, finish, put back. All SQL of it.

Three rules make sure that no accepted job is lost or ends twice:

1. Of several claims one succeeds, and it raises `attempt` (`fleet/jobs/attempts/claim.py`).
2. Every later write has the condition `id AND attempt AND state = 'running'`, which is called the fence. A
   worker that has lost its lease writes nothing.
3. Times come from the clock of the database, never from that of a worker.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from fleet.database import Database
from fleet.errors import ErrorType
from fleet.jobs.attempts.claim import JobAttempt
from fleet.jobs.facts import ArtifactFacts, BlockedFacts, EvidenceFacts, PageFacts
from fleet.jobs.job import State
from fleet.jobs.verdict import VerdictDocument
from fleet.queue.entry import QUEUED_JOB_COLUMNS, QueuedJob, queued_job_from_row


@dataclass(frozen=True, slots=True)
class AttemptOutcome:
    """How an attempt ended.

    Attributes:
        is_quarantined: whether the job is put into quarantine, because it has crashed too often.
        unchanged: for a schedule that compares, whether the picture equals the last one; then no webhook is
            sent.
        blocked: what was not loaded or not shown, because the caller wanted it so.
        verdict: what the picture is worth.
        evidence: the file that tells how the picture came about.
        comparison: how the picture differs from the last one of its schedule.
    """

    state: State
    browser_generation: int | None = None
    memory_peak_bytes: int | None = None
    artifact_key: str | None = None
    artifact: ArtifactFacts | None = None
    error_type: ErrorType | None = None
    error_detail: str | None = None
    page: PageFacts | None = None
    timings_ms: dict[str, float] | None = None
    warnings: Sequence[str] = ()
    is_quarantined: bool = False
    unchanged: bool | None = None
    blocked: BlockedFacts | None = None
    verdict: VerdictDocument | None = None
    evidence: EvidenceFacts | None = None
    comparison: dict[str, Any] | None = None


# An attempt that is not returned belongs to another worker by now. The caller stops it.
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
            quarantined_at = CASE WHEN $12 THEN now() END, unchanged = $13,
            memory_peak_bytes = $14, blocked = $15, verdict = $16, evidence = $17, comparison = $18
        WHERE id = $1 AND attempt = $2 AND state = 'running'
        RETURNING id, attempt
    ), recorded AS (
        UPDATE attempts
        SET finished_at = now(), outcome = $3, browser_generation = $4, error_type = $7, error_detail = $8
        FROM finished WHERE attempts.job_id = finished.id AND attempts.attempt = finished.attempt
    )
    SELECT id FROM finished
"""
# After the connection broke during the commit: was the job finished by this attempt?
_IS_OURS: Final = """
    SELECT EXISTS (
        SELECT FROM jobs
        WHERE id = $1 AND attempt = $2 AND state = $3
          AND artifact_key IS NOT DISTINCT FROM $4 AND error_type IS NOT DISTINCT FROM $5
    )
"""
# Queues a job again: after a failure (which is counted as a failure or a crash), or because the worker stops
# (which is not counted). A job that was cancelled or has expired meanwhile ends instead.
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
        RETURNING jobs.attempt, jobs.state, {QUEUED_JOB_COLUMNS}
    ), recorded AS (
        UPDATE attempts
        SET finished_at = now(), outcome = CASE freed.state WHEN 'queued' THEN $6 ELSE freed.state END,
            error_type = $7, error_detail = $8
        FROM freed WHERE attempts.job_id = freed.id AND attempts.attempt = freed.attempt
    )
    SELECT * FROM freed
"""


@dataclass(frozen=True, slots=True)
class Renewal:
    """The answer to a heartbeat, as pairs of job id and attempt.

    Attributes:
        held: attempts that still belong to this worker.
        to_cancel: those of them whose job is to be cancelled.
    """

    held: frozenset[tuple[UUID, int]]
    to_cancel: frozenset[tuple[UUID, int]]


async def renew(database: Database, held: Sequence[tuple[UUID, int]], *, lease: timedelta) -> Renewal:
    """Renew the leases of these `(job_id, attempt)` pairs.

    Raises:
        UnavailableError: Postgres does not answer; which leases were renewed is not known.
    """
    rows = await database.fetch(_RENEW, [pair[0] for pair in held], [pair[1] for pair in held], lease)
    return Renewal(
        held=frozenset((row["id"], row["attempt"]) for row in rows),
        to_cancel=frozenset((row["id"], row["attempt"]) for row in rows if row["cancel_requested"]),
    )


def _json(value: object) -> str | None:
    return None if value is None else json.dumps(value)


async def finish(database: Database, attempt: JobAttempt, outcome: AttemptOutcome) -> bool:
    """End a job. False: the fence refused, because the job does not belong to this attempt any more.

    It can be repeated safely: if the connection broke during the commit of an earlier call and the job was
    finished by it, this call returns True.

    Raises:
        UnavailableError: Postgres does not answer; call again.
    """
    async with database.connection() as connection:
        row = await connection.fetchrow(
            _FINISH,
            attempt.job_id,
            attempt.attempt,
            outcome.state,
            outcome.browser_generation,
            outcome.artifact_key,
            None if outcome.artifact is None else outcome.artifact.to_json(),
            outcome.error_type,
            outcome.error_detail,
            None if outcome.page is None else outcome.page.to_json(),
            _json(outcome.timings_ms),
            _json(list(outcome.warnings)),
            outcome.is_quarantined,
            outcome.unchanged,
            outcome.memory_peak_bytes,
            None if outcome.blocked is None else outcome.blocked.to_json(),
            None if outcome.verdict is None else outcome.verdict.model_dump_json(),
            None if outcome.evidence is None else outcome.evidence.to_json(),
            _json(outcome.comparison),
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
    """What became of a job that was put back.

    Attributes:
        state: queued; cancelled or expired if that happened meanwhile.
        queued: the job, to be put into Redis; None when it has ended.
    """

    state: State
    queued: QueuedJob | None


async def _put_back(
    database: Database,
    attempt: JobAttempt,
    delay: timedelta,
    counted: tuple[int, int],
    record: tuple[str, ErrorType | None, str | None],
) -> PutBack | None:
    row = await database.fetchrow(_PUT_BACK, attempt.job_id, attempt.attempt, delay, *counted, *record)
    if row is None:
        return None
    state = State(row["state"])
    return PutBack(state, queued_job_from_row(row) if state is State.QUEUED else None)


async def requeue_failed(
    database: Database,
    attempt: JobAttempt,
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
    return await _put_back(database, attempt, delay, counted, ("retried", error_type, error_detail))


async def hand_back(database: Database, attempt: JobAttempt) -> PutBack | None:
    """Queue the job of a stopping worker again, at once; nothing is counted. None: the fence refused.

    Raises:
        UnavailableError: Postgres does not answer. The job is queued again when its lease has run out.
    """
    return await _put_back(database, attempt, timedelta(), (0, 0), ("handed_back", None, None))
