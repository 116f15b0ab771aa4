"""A job as its owner sees it: states, the row, and the SQL that accepts, reads and lists.

What a worker does to a job (claim, renew, finish, hand back) is in `fleet/attempts.py`; the picture of all
states is in `docs/states.md`.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import asyncpg
import uuid_utils.compat as uuid_utils

from fleet.database import Pool, answering
from fleet.request import RenderRequest


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


@dataclass(frozen=True, slots=True)
class Acceptance:
    """The answer to `accept`.

    Attributes:
        job: the job, new or found under the same idempotency key.
        is_new: whether this call made it; only then is there something to dispatch.
        is_same_request: False when the key was used with another request before.
    """

    job: Job
    is_new: bool
    is_same_request: bool


@dataclass(frozen=True, slots=True)
class Delivery:
    """A job id as it travels through Redis: `{job_id}:{dispatch}`."""

    job_id: UUID
    dispatch: int


_COLUMNS: Final = """
    id, tenant_id, state, attempt, max_attempts, dispatch, priority, external_id, created_at, queued_at,
    started_at, finished_at, expires_at, artifact_key, artifact, error_type, error_detail, page, timings_ms,
    memory_peak_bytes, worker_id, browser_generation, warnings
"""

# One statement is one transaction. dispatched_at is set in advance: the usual case needs no second write, and
# the sweeper looks for such rows in Redis once, in case this process dies before it rings.
_ACCEPT: Final = f"""
    INSERT INTO jobs (id, tenant_id, request, request_digest, idempotency_key, external_id, max_attempts,
                      dispatched_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, now())
    ON CONFLICT (tenant_id, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING
    RETURNING {_COLUMNS}
"""
_FIND_BY_IDEMPOTENCY_KEY: Final = f"""
    SELECT {_COLUMNS}, request_digest FROM jobs WHERE tenant_id = $1 AND idempotency_key = $2
"""
_GET: Final = f"SELECT {_COLUMNS} FROM jobs WHERE id = $1 AND tenant_id = $2"

# Newest first, from a cursor on: a range of jobs_of_tenant, or of jobs_of_tenant_by_state.
_LIST: Final = f"""
    SELECT {_COLUMNS} FROM jobs WHERE tenant_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3
"""
_LIST_BY_STATE: Final = f"""
    SELECT {_COLUMNS} FROM jobs WHERE tenant_id = $1 AND state = $4 AND id < $2 ORDER BY id DESC LIMIT $3
"""
_ENDED: Final = """
    SELECT id FROM jobs WHERE id = ANY($1::uuid[]) AND state NOT IN ('queued', 'running')
"""
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


async def accept(
    pool: Pool, *, tenant_id: UUID, request: RenderRequest, idempotency_key: str | None = None
) -> Acceptance:
    """Store a job. When this returns, the job is committed: it will reach a terminal state.

    Raises:
        UnavailableError: Postgres does not answer; no row was made, or (the connection broke during the
            commit) one that the same idempotency key finds again.
    """
    digest = request.digest()
    arguments = (
        uuid_utils.uuid7(),
        tenant_id,
        request.model_dump_json(exclude_defaults=True),
        digest,
        idempotency_key,
        request.external_id,
        request.max_attempts,
    )
    async with answering():
        row = await pool.fetchrow(_ACCEPT, *arguments)
        if row is not None:
            return Acceptance(job_from_row(row), is_new=True, is_same_request=True)
        row = await pool.fetchrow(_FIND_BY_IDEMPOTENCY_KEY, tenant_id, idempotency_key)
    if row is None:
        raise RuntimeError("a job vanished between a conflict on its idempotency key and the look at it")
    return Acceptance(job_from_row(row), is_new=False, is_same_request=row["request_digest"] == digest)


async def get(pool: Pool, *, job_id: UUID, tenant_id: UUID) -> Job | None:
    """One job of this tenant; None also for a job of somebody else.

    Raises:
        UnavailableError: Postgres does not answer.
    """
    async with answering():
        row = await pool.fetchrow(_GET, job_id, tenant_id)
    return None if row is None else job_from_row(row)


async def list_newest(
    pool: Pool, *, tenant_id: UUID, state: State | None, before: UUID, limit: int
) -> list[Job]:
    """A page of this tenant's jobs, newest first, older than `before` (`LAST_ID` for the first page).

    Raises:
        UnavailableError: Postgres does not answer.
    """
    async with answering():
        if state is None:
            rows = await pool.fetch(_LIST, tenant_id, before, limit)
        else:
            rows = await pool.fetch(_LIST_BY_STATE, tenant_id, before, limit, state)
    return [job_from_row(row) for row in rows]


async def ended(pool: Pool, job_ids: Sequence[UUID]) -> set[UUID]:
    """Which of these jobs have ended.

    Raises:
        UnavailableError: Postgres does not answer.
    """
    async with answering():
        rows = await pool.fetch(_ENDED, job_ids)
    return {row["id"] for row in rows}


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
