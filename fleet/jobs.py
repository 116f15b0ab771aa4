"""A job as its owner sees it: states, the row, and the SQL that reads, lists and cancels.

How it comes to be is in `fleet/acceptance.py`, how a worker gets it in `fleet/claims.py`, what becomes of it
in `fleet/attempts.py`; the picture of all states is in `docs/states.md`.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import asyncpg

from fleet.database import Pool, answering
from fleet.line import DEFAULT_PRIORITY


class State(StrEnum):
    """Where a job is. The last four are terminal: nothing leaves them."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"

    @property
    def is_terminal(self) -> bool:
        """Whether the job has ended."""
        return self not in (State.QUEUED, State.RUNNING)


TRANSITIONS: Final[dict[State, frozenset[State]]] = {
    State.QUEUED: frozenset({State.RUNNING, State.CANCELLED, State.EXPIRED}),
    State.RUNNING: frozenset(
        {State.QUEUED, State.SUCCEEDED, State.FAILED, State.CANCELLED, State.EXPIRED},
    ),
    State.SUCCEEDED: frozenset(),
    State.FAILED: frozenset(),
    State.CANCELLED: frozenset(),
    State.EXPIRED: frozenset(),
}


@dataclass(frozen=True, slots=True)
class Job:
    """One row of `jobs`, without the request itself (which may hold 2 MiB of HTML)."""

    id: UUID
    tenant_id: UUID
    state: State
    attempt: int
    max_attempts: int
    dispatch: int
    priority: int
    external_id: str | None
    created_at: datetime
    queued_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime | None
    artifact_key: str | None
    artifact: dict[str, Any] | None
    error_type: str | None
    error_detail: str | None
    page: dict[str, Any] | None
    timings_ms: dict[str, float] | None
    memory_peak_bytes: int | None
    worker_id: UUID | None
    browser_generation: int | None
    warnings: list[str]
    dispatched_at: datetime | None = None
    artifact_erased_at: datetime | None = None
    erase_at: datetime | None = None
    quarantined_at: datetime | None = None
    retry_of: UUID | None = None
    schedule_id: UUID | None = None
    scheduled_for: datetime | None = None
    unchanged: bool | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """A job id as it travels through Redis: `{job_id}:{dispatch}`."""

    job_id: UUID
    dispatch: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """A queued job on its way into the line: its delivery, and what decides where it stands.

    Attributes:
        delivery: what a worker will claim.
        tenant_id: whose turn it takes.
        weight: the tenant's share.
        priority: 0 to 9.
        has_run: whether it had its turn before.
    """

    delivery: Delivery
    tenant_id: UUID
    weight: float = 1.0
    priority: int = DEFAULT_PRIORITY
    has_run: bool = False


JOB_COLUMNS: Final = """
    id, tenant_id, state, attempt, max_attempts, dispatch, priority, external_id, created_at, queued_at,
    started_at, finished_at, expires_at, artifact_key, artifact, error_type, error_detail, page,
    timings_ms, memory_peak_bytes, worker_id, browser_generation, warnings, dispatched_at, artifact_erased_at,
    erase_at, quarantined_at, retry_of, schedule_id, scheduled_for, unchanged
"""
# What `waiting_from_row` reads, of rows that are joined with their tenant.
WAITING_COLUMNS: Final = """
    jobs.id, jobs.dispatch, jobs.tenant_id, jobs.priority, jobs.attempt > 0 AS has_run, tenants.weight
"""

_GET: Final = f"SELECT {JOB_COLUMNS} FROM jobs WHERE id = $1 AND tenant_id = $2"

# Newest first, from a cursor on: a range of jobs_of_tenant, or with a filter of jobs_of_tenant_by_state,
# jobs_of_schedule or jobs_quarantined. Each combination is a statement of its own, planned for its own index.
_LIST: Final = f"""
    SELECT {JOB_COLUMNS} FROM jobs WHERE tenant_id = $1 AND id < $2{{filters}} ORDER BY id DESC LIMIT $3
"""
# What is queued ends at once. What runs is asked to end: its worker learns it by Redis or with its heartbeat.
_CANCEL: Final = f"""
    UPDATE jobs
    SET cancel_requested = true, parked = false,
        state = CASE WHEN state = 'queued' THEN 'cancelled' ELSE state END,
        finished_at = CASE WHEN state = 'queued' THEN now() END
    WHERE id = $1 AND tenant_id = $2 AND state IN ('queued', 'running')
    RETURNING {JOB_COLUMNS}
"""
# An index of queued jobs alone, and no further than the limit that the count is for.
_COUNT_QUEUED: Final = """
    SELECT count(*) FROM (SELECT FROM jobs WHERE tenant_id = $1 AND state = 'queued' LIMIT $2) AS queued
"""
# Of jobs that somebody watches, those that are not as they were when they were last looked at.
_CHANGED: Final = """
    SELECT jobs.id FROM unnest($1::uuid[], $2::text[], $3::integer[]) AS known (id, state, attempt)
    JOIN jobs ON jobs.id = known.id
    WHERE jobs.state <> known.state OR jobs.attempt <> known.attempt
"""
_GET_MANY: Final = f"SELECT {JOB_COLUMNS} FROM jobs WHERE id = ANY($1::uuid[])"
# Both halves read an index of open jobs alone.
_BACKLOG: Final = """
    SELECT (SELECT count(*) FROM jobs WHERE state = 'queued') AS queued,
           (SELECT count(*) FROM jobs WHERE state = 'running') AS running,
           (SELECT extract(epoch FROM now() - min(queued_at)) FROM jobs WHERE state = 'queued') AS oldest_s
"""

LAST_ID: Final = UUID(int=2**128 - 1)


def job_from_row(row: asyncpg.Record) -> Job:
    """Make a Job of a row that holds at least the job's columns."""
    values = {name: row[name] for name in Job.__slots__}
    values["state"] = State(values["state"])
    for name in ("artifact", "page", "timings_ms", "warnings"):
        if values[name] is not None:
            values[name] = json.loads(values[name])
    values["warnings"] = values["warnings"] or []
    return Job(**values)


def waiting_from_row(row: asyncpg.Record) -> Waiting:
    """Make a Waiting of a row that holds `WAITING_COLUMNS`."""
    return Waiting(
        Delivery(row["id"], row["dispatch"]),
        tenant_id=row["tenant_id"],
        weight=row["weight"],
        priority=row["priority"],
        has_run=row["has_run"],
    )


def waiting(job: Job, *, weight: float) -> Waiting | None:
    """A job that was just accepted, on its way into the line; None when it is to run later."""
    if job.dispatched_at is None or job.state is not State.QUEUED:
        return None
    delivery = Delivery(job.id, job.dispatch)
    return Waiting(delivery, job.tenant_id, weight, job.priority, has_run=job.attempt > 0)


async def get(pool: Pool, *, job_id: UUID, tenant_id: UUID) -> Job | None:
    """One job of this tenant; None also for a job of somebody else.

    Raises:
        UnavailableError: Postgres does not answer.
    """
    async with answering():
        row = await pool.fetchrow(_GET, job_id, tenant_id)
    return None if row is None else job_from_row(row)


async def cancel(pool: Pool, *, job_id: UUID, tenant_id: UUID) -> Job | None:
    """Cancel an open job of this tenant: a queued one has ended now, a running one is asked to end.

    None: there is no such job, or it has ended before. Repeating is safe.

    Raises:
        UnavailableError: Postgres does not answer.
    """
    async with answering():
        row = await pool.fetchrow(_CANCEL, job_id, tenant_id)
    return None if row is None else job_from_row(row)


async def count_queued(pool: Pool, *, tenant_id: UUID, limit: int) -> int:
    """How many jobs of this tenant are queued, counted up to `limit`.

    Raises:
        UnavailableError: Postgres does not answer.
    """
    async with answering():
        return int(await pool.fetchval(_COUNT_QUEUED, tenant_id, limit))


def list_statement(
    *, state: State | None = None, schedule_id: UUID | None = None, is_quarantined: bool | None = None
) -> tuple[str, list[object]]:
    """The statement that lists with these filters (None: not filtered), and its arguments from $4 on."""
    filters = ""
    values: list[object] = []
    for column, value in (("state", state), ("schedule_id", schedule_id)):
        if value is not None:
            values.append(value)
            filters += f" AND {column} = ${len(values) + 3}"
    if is_quarantined is not None:
        filters += f" AND quarantined_at IS {'NOT ' if is_quarantined else ''}NULL"
    return _LIST.format(filters=filters), values


async def list_newest(
    pool: Pool,
    *,
    tenant_id: UUID,
    state: State | None,
    before: UUID,
    limit: int,
    schedule_id: UUID | None = None,
    is_quarantined: bool | None = None,
) -> list[Job]:
    """A page of this tenant's jobs, newest first, older than `before` (`LAST_ID` for the first page).

    Raises:
        UnavailableError: Postgres does not answer.
    """
    sql, values = list_statement(state=state, schedule_id=schedule_id, is_quarantined=is_quarantined)
    async with answering():
        rows = await pool.fetch(sql, tenant_id, before, limit, *values)
    return [job_from_row(row) for row in rows]


@dataclass(frozen=True, slots=True)
class Backlog:
    """How much is open, over all tenants."""

    queued: int
    running: int
    oldest_queued_s: float


async def backlog(pool: Pool) -> Backlog:
    """Count the open jobs.

    Raises:
        UnavailableError: Postgres does not answer.
    """
    async with answering():
        row = await pool.fetchrow(_BACKLOG)
    if row is None:
        raise RuntimeError("a SELECT without FROM gave no row")
    return Backlog(row["queued"], row["running"], float(row["oldest_s"] or 0))


async def changed(pool: Pool, known: Sequence[tuple[UUID, State, int]]) -> list[UUID]:
    """Which of these jobs are no longer in this state and attempt.

    Raises:
        UnavailableError: Postgres does not answer.
    """
    ids, states, attempts = zip(*known, strict=True) if known else ((), (), ())
    async with answering():
        rows = await pool.fetch(_CHANGED, ids, states, attempts)
    return [row["id"] for row in rows]


async def get_many(pool: Pool, job_ids: Sequence[UUID]) -> list[Job]:
    """Jobs by id, of any tenant, in no order: for callers that were found to own them before.

    Raises:
        UnavailableError: Postgres does not answer.
    """
    async with answering():
        rows = await pool.fetch(_GET_MANY, job_ids)
    return [job_from_row(row) for row in rows]
