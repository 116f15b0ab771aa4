"""Reading jobs: one, several by their ids, or how many a tenant has."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from fleet.database import Database
from fleet.jobs.job import JOB_COLUMNS, Job, State, job_from_row

_GET: Final = f"SELECT {JOB_COLUMNS} FROM jobs WHERE id = $1 AND tenant_id = $2"
# Reads an index that has only queued jobs, and stops at the limit.
_COUNT_QUEUED: Final = """
    SELECT count(*) FROM (SELECT FROM jobs WHERE tenant_id = $1 AND state = 'queued' LIMIT $2) AS queued
"""
# Reads an index that has only running jobs.
_COUNT_RUNNING: Final = "SELECT count(*) FROM jobs WHERE tenant_id = $1 AND state = 'running'"
# Of jobs that are watched, those whose state or attempt has changed.
_CHANGED: Final = """
    SELECT jobs.id FROM unnest($1::uuid[], $2::text[], $3::integer[]) AS known (id, state, attempt)
    JOIN jobs ON jobs.id = known.id
    WHERE jobs.state <> known.state OR jobs.attempt <> known.attempt
"""
_GET_MANY: Final = f"SELECT {JOB_COLUMNS} FROM jobs WHERE id = ANY($1::uuid[])"
LAST_ID: Final = UUID(int=2**128 - 1)


async def get(database: Database, *, job_id: UUID, tenant_id: UUID) -> Job | None:
    """One job of this tenant. None: it has no such job."""
    row = await database.fetchrow(_GET, job_id, tenant_id)
    return None if row is None else job_from_row(row)


async def count_queued(database: Database, *, tenant_id: UUID, limit: int) -> int:
    """How many jobs of this tenant are queued, counted up to `limit`."""
    return int(await database.fetchval(_COUNT_QUEUED, tenant_id, limit))


async def count_running(database: Database, *, tenant_id: UUID) -> int:
    """How many jobs of this tenant run."""
    return int(await database.fetchval(_COUNT_RUNNING, tenant_id))


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
