"""Reading jobs: one, a page of them, or how many there are."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from fleet.database import Database
from fleet.jobs.job import JOB_COLUMNS, Job, State, job_from_row

_GET: Final = f"SELECT {JOB_COLUMNS} FROM jobs WHERE id = $1 AND tenant_id = $2"
# Newest first, older than a cursor. This reads a range of the index jobs_of_tenant, or with a filter of
# jobs_of_tenant_by_state, jobs_of_schedule or jobs_quarantined. Each combination of filters is a statement of
# its own, so that Postgres plans it for its own index.
_LIST: Final = f"""
    SELECT {JOB_COLUMNS} FROM jobs WHERE tenant_id = $1 AND id < $2{{filters}} ORDER BY id DESC LIMIT $3
"""
# Reads an index that has only queued jobs, and stops at the limit.
_COUNT_QUEUED: Final = """
    SELECT count(*) FROM (SELECT FROM jobs WHERE tenant_id = $1 AND state = 'queued' LIMIT $2) AS queued
"""
# Of jobs that are watched, those whose state or attempt has changed.
_CHANGED: Final = """
    SELECT jobs.id FROM unnest($1::uuid[], $2::text[], $3::integer[]) AS known (id, state, attempt)
    JOIN jobs ON jobs.id = known.id
    WHERE jobs.state <> known.state OR jobs.attempt <> known.attempt
"""
_GET_MANY: Final = f"SELECT {JOB_COLUMNS} FROM jobs WHERE id = ANY($1::uuid[])"
# All parts read indexes that have only open jobs.
_BACKLOG: Final = """
    SELECT (SELECT count(*) FROM jobs WHERE state = 'queued') AS queued,
           (SELECT count(*) FROM jobs WHERE state = 'running') AS running,
           (SELECT extract(epoch FROM now() - min(queued_at)) FROM jobs WHERE state = 'queued') AS oldest_s
"""
LAST_ID: Final = UUID(int=2**128 - 1)


async def get(database: Database, *, job_id: UUID, tenant_id: UUID) -> Job | None:
    """One job of this tenant. None: it has no such job."""
    row = await database.fetchrow(_GET, job_id, tenant_id)
    return None if row is None else job_from_row(row)


async def count_queued(database: Database, *, tenant_id: UUID, limit: int) -> int:
    """How many jobs of this tenant are queued, counted up to `limit`."""
    return int(await database.fetchval(_COUNT_QUEUED, tenant_id, limit))


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
    database: Database,
    *,
    tenant_id: UUID,
    state: State | None,
    before: UUID,
    limit: int,
    schedule_id: UUID | None = None,
    is_quarantined: bool | None = None,
) -> list[Job]:
    """A page of this tenant's jobs, newest first, older than `before` (`LAST_ID` for the first page)."""
    sql, values = list_statement(state=state, schedule_id=schedule_id, is_quarantined=is_quarantined)
    rows = await database.fetch(sql, tenant_id, before, limit, *values)
    return [job_from_row(row) for row in rows]


@dataclass(frozen=True, slots=True)
class Backlog:
    """The open jobs of all tenants."""

    queued: int
    running: int
    oldest_queued_s: float


async def backlog(database: Database) -> Backlog:
    """Count the open jobs."""
    row = await database.fetchrow(_BACKLOG)
    if row is None:
        raise RuntimeError("a SELECT without FROM gave no row")
    return Backlog(row["queued"], row["running"], float(row["oldest_s"] or 0))


async def changed(database: Database, known: Sequence[tuple[UUID, State, int]]) -> list[UUID]:
    """Which of these jobs are no longer in this state and attempt."""
    ids, states, attempts = zip(*known, strict=True) if known else ((), (), ())
    rows = await database.fetch(_CHANGED, ids, states, attempts)
    return [row["id"] for row in rows]


async def check_schema(database: Database) -> None:
    """Check that Postgres answers and has the table of jobs: without its schema it is not ready.

    Raises:
        UnavailableError: Postgres does not answer.
        asyncpg.UndefinedTableError: there is no such table.
    """
    await changed(database, [])


async def get_many(database: Database, job_ids: Sequence[UUID]) -> list[Job]:
    """Jobs by id, of any tenant, in no particular order. The caller has checked before whose they are."""
    rows = await database.fetch(_GET_MANY, job_ids)
    return [job_from_row(row) for row in rows]
