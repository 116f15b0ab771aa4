"""The steps by which a worker erases a tenant. All SQL of it.

Each step is one transaction that holds the row of the erasure, so that no two workers erase the same tenant
at the same time. It does the first thing of a fixed list that there is to do, in a bounded amount, and counts
it in the same transaction. So whoever is killed between or in steps, the next step goes on where the last one
ended, and nothing is counted twice.

Files are found by the tenant's prefixes in the store, not by rows. So they need no row to be found, and what
a call or a worker still uploads after its rows are gone is found as well: for an hour after the request
(`_SETTLING`) the store is looked at again, longer than an upload or an attempt can take. Only then the row
of the tenant itself goes.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, TypeAlias
from uuid import UUID

import asyncpg

from fleet.artifacts.keys import tenant_prefixes
from fleet.database import Database, DatabaseConnection
from fleet.erasure.request import ErasureStage
from fleet.queue.entry import QueueEntry

# Erases up to a thousand files below a prefix; returns how many it has erased, and how many the store kept.
EraseFiles: TypeAlias = Callable[[str], Awaitable[tuple[int, int]]]

_JOBS_AT_ONCE: Final = 250
_ROWS_AT_ONCE: Final = 5_000
_SETTLING: Final = timedelta(hours=1)
# When the next step follows that cannot go on now.
_WHILE_JOBS_RUN: Final = timedelta(seconds=1)
_WHILE_SETTLING: Final = timedelta(minutes=10)
_AFTER_REFUSAL: Final = timedelta(seconds=30)

# Asked first: every worker asks every two seconds, and hardly ever anything is due.
_IS_ANY_DUE: Final = """
    SELECT EXISTS (SELECT FROM tenant_erasures WHERE finished_at IS NULL AND next_step_at <= now())
"""
_DUE: Final = """
    SELECT tenant_id, requested_at < now() - $1::interval AS has_settled,
           requested_at + $1::interval - now() AS left
    FROM tenant_erasures WHERE finished_at IS NULL AND next_step_at <= now()
    ORDER BY next_step_at LIMIT 1 FOR UPDATE SKIP LOCKED
"""
_NOTE: Final = """
    UPDATE tenant_erasures
    SET stage = $2, next_step_at = now() + $5::interval, finished_at = CASE WHEN $2 = 'erased' THEN now() END,
        counts = CASE WHEN $4 = 0 THEN counts
                 ELSE counts || jsonb_build_object($3::text, coalesce((counts ->> $3)::bigint, 0) + $4) END
    WHERE tenant_id = $1
"""
_DELETE_QUEUED: Final = """
    WITH chosen AS (
        SELECT id FROM jobs WHERE tenant_id = $1 AND state = 'queued' LIMIT $2 FOR UPDATE SKIP LOCKED
    )
    DELETE FROM jobs USING chosen WHERE jobs.id = chosen.id RETURNING jobs.id, jobs.dispatch
"""
# Without an address to tell, so that the end of the job makes no message.
_CANCEL_RUNNING: Final = """
    UPDATE jobs SET cancel_requested = true, webhook_url = NULL WHERE tenant_id = $1 AND state = 'running'
    RETURNING id
"""
# Attempts, messages and comparisons go with their job.
_DELETE_ENDED: Final = """
    WITH chosen AS (
        SELECT id FROM jobs WHERE tenant_id = $1 AND state NOT IN ('queued', 'running')
        LIMIT $2 FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM jobs USING chosen WHERE jobs.id = chosen.id RETURNING 1
    )
    SELECT count(*) FROM gone
"""
_DELETE_SOME: Final = """
    WITH chosen AS (
        SELECT ctid FROM {table} WHERE tenant_id = $1 LIMIT $2 FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM {table} USING chosen WHERE {table}.ctid = chosen.ctid RETURNING 1
    )
    SELECT count(*) FROM gone
"""
# What is counted by which name. Bundles need not have jobs any more.
_BEFORE_JOBS: Final = {"schedules": "schedules"}
_AFTER_JOBS: Final = {
    "uploads": "bundles",
    "webhooks": "webhook_endpoints",
    "tests": "webhook_outbox",  # other messages have gone with their jobs
    "batches": "batches",
    "minutes": "history_minutes",
    "hours": "history_hours",
}
_FINISH: Final = "SELECT finish_tenant_erasure($1)"


@dataclass(frozen=True, slots=True)
class StepDone:
    """What a step has done.

    Attributes:
        stage: how far the erasing has come.
        kind: of what was erased; empty: nothing was.
        count: how many.
        wait: when the next step follows.
        withdrawn: queue entries of jobs that are gone.
        to_cancel: running jobs that are to be cancelled.
    """

    stage: ErasureStage
    kind: str = ""
    count: int = 0
    wait: timedelta = timedelta()
    withdrawn: Sequence[QueueEntry] = ()
    to_cancel: Sequence[UUID] = field(default_factory=list)


async def take_step(database: Database, erase_files: EraseFiles) -> StepDone | None:
    """Take the next step of the erasing of some tenant. None: none is due.

    Args:
        database: connections to Postgres.
        erase_files: erases files in the store.

    Raises:
        UnavailableError: Postgres or the store does not answer. Nothing was changed but files erased; call
            again later.
    """
    if not await database.fetchval(_IS_ANY_DUE):
        return None
    try:
        async with database.transaction() as connection:
            due = await connection.fetchrow(_DUE, _SETTLING)
            if due is None:
                return None
            done = await _step(connection, due, erase_files)
            await connection.execute(_NOTE, due["tenant_id"], done.stage, done.kind, done.count, done.wait)
    except asyncpg.ForeignKeyViolationError:
        return StepDone(
            ErasureStage.ERASING
        )  # something has come in the moment in which the tenant was to go
    return done


async def _step(connection: DatabaseConnection, due: asyncpg.Record, erase_files: EraseFiles) -> StepDone:
    tenant_id = due["tenant_id"]
    done = (
        await _rows(connection, tenant_id, _BEFORE_JOBS, ErasureStage.ENDING_JOBS)
        or await _open_jobs(connection, tenant_id)
        or await _ended_jobs(connection, tenant_id)
        or await _rows(connection, tenant_id, _AFTER_JOBS, ErasureStage.ERASING)
        or await _files(tenant_id, erase_files)
    )
    if done is not None:
        return done
    if not due["has_settled"]:
        return StepDone(ErasureStage.SETTLING, wait=min(_WHILE_SETTLING, due["left"] + timedelta(seconds=1)))
    keys = await connection.fetchval(_FINISH, tenant_id)
    return StepDone(ErasureStage.ERASED, "keys", int(keys or 0))


async def _rows(
    connection: DatabaseConnection, tenant_id: UUID, tables: dict[str, str], stage: ErasureStage
) -> StepDone | None:
    for kind, table in tables.items():
        count = await connection.fetchval(_DELETE_SOME.format(table=table), tenant_id, _ROWS_AT_ONCE)
        if count:
            return StepDone(stage, kind, count)
    return None


async def _open_jobs(connection: DatabaseConnection, tenant_id: UUID) -> StepDone | None:
    rows = await connection.fetch(_DELETE_QUEUED, tenant_id, _JOBS_AT_ONCE)
    if rows:
        entries = [QueueEntry(row["id"], row["dispatch"]) for row in rows]
        return StepDone(ErasureStage.ENDING_JOBS, "jobs", len(rows), withdrawn=entries)
    running = await connection.fetch(_CANCEL_RUNNING, tenant_id)
    if running:
        return StepDone(
            ErasureStage.ENDING_JOBS, wait=_WHILE_JOBS_RUN, to_cancel=[row["id"] for row in running]
        )
    return None


async def _ended_jobs(connection: DatabaseConnection, tenant_id: UUID) -> StepDone | None:
    count = await connection.fetchval(_DELETE_ENDED, tenant_id, _JOBS_AT_ONCE)
    return StepDone(ErasureStage.ERASING, "jobs", count) if count else None


async def _files(tenant_id: UUID, erase_files: EraseFiles) -> StepDone | None:
    for prefix in tenant_prefixes(tenant_id):
        erased, kept = await erase_files(prefix)
        if erased or kept:
            wait = _AFTER_REFUSAL if kept else timedelta()
            return StepDone(ErasureStage.ERASING, "files", erased, wait=wait)
    return None
