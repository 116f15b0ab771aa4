"""Erasing what is old enough: artifacts, orphans and rows. All SQL of it.

An orphan is a stored file that is neither artifact nor evidence of any job: an attempt uploaded it, and then
did not succeed. The keys of all files that an attempt may have stored are known (`fleet/artifacts/keys.py`).
So nothing has to be searched for in the store, and no file of another job can be erased. A difference
picture shows something of two jobs, so it is erased with the artifact of either. It is not recorded which
artifacts have small pictures: their keys are known, and to erase what is not there costs next to nothing.

Files are erased before rows are marked: if the store does not answer, they are erased later. Rows are locked
meanwhile (SKIP LOCKED), so that workers that erase at the same time share the work.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final, TypeAlias
from uuid import UUID

import asyncpg

from fleet.artifacts.keys import possible_keys, thumbnail_keys
from fleet.database import Database, DatabaseConnection
from fleet.errors import ErrorType, UnavailableError
from fleet.jobs.job import JOB_COLUMNS, Job, job_from_row
from fleet.render.options.output import Format

# Removes files from the store; returns the keys of those that could not be removed.
Delete: TypeAlias = Callable[[Sequence[str]], Awaitable[set[str]]]

_FIRST_ID: Final = UUID(int=0)

# others: attempts that did not succeed, and may have stored files too.
_FILES: Final = """
    evidence ->> 'key' AS evidence_key,
    ARRAY(SELECT attempt FROM attempts
          WHERE job_id = jobs.id AND outcome IS DISTINCT FROM 'succeeded') AS others,
    ARRAY(SELECT picture_key FROM comparisons WHERE job_id = jobs.id
          UNION SELECT picture_key FROM comparisons WHERE with_id = jobs.id) AS differences
"""
_ERASABLE: Final = f"""
    SELECT id, tenant_id, created_at, erase_at, artifact_key, {_FILES}
    FROM jobs
    WHERE erase_at <= now() AND artifact_erased_at IS NULL AND (erase_at, id) > ($1, $2)
    ORDER BY erase_at, id LIMIT $3 FOR NO KEY UPDATE SKIP LOCKED
"""
# One job, whose retention need not be over. The statement waits for the eraser, if that has locked the row.
_LOCK: Final = f"""
    SELECT {JOB_COLUMNS}, {_FILES}
    FROM jobs WHERE id = $1 AND tenant_id = $2 FOR NO KEY UPDATE
"""
_MARK_ONE_ERASED: Final = """
    UPDATE jobs SET artifact_erased_at = now() WHERE id = $1 RETURNING artifact_erased_at
"""
# A statement of its own for each column: each uses its index.
_FORGET_COMPARISONS: Final = (
    "DELETE FROM comparisons WHERE job_id = ANY($1::uuid[])",
    "DELETE FROM comparisons WHERE with_id = ANY($1::uuid[])",
)
_MARK_ERASED: Final = "UPDATE jobs SET artifact_erased_at = now() WHERE id = ANY($1::uuid[])"

_ORPHANED: Final = """
    SELECT done.job_id, done.attempt, done.finished_at, jobs.tenant_id, jobs.created_at, jobs.artifact_key,
           jobs.evidence ->> 'key' AS evidence_key
    FROM attempts AS done JOIN jobs ON jobs.id = done.job_id
    WHERE done.outcome <> 'succeeded' AND done.orphan_erased_at IS NULL
      AND done.finished_at < now() - $1::interval
      AND (done.finished_at, done.job_id, done.attempt) > ($2, $3, $4)
    ORDER BY done.finished_at, done.job_id, done.attempt LIMIT $5 FOR NO KEY UPDATE OF done SKIP LOCKED
"""
_MARK_ORPHANS_ERASED: Final = """
    UPDATE attempts SET orphan_erased_at = now()
    FROM unnest($1::uuid[], $2::integer[]) AS looked_at (job_id, attempt)
    WHERE attempts.job_id = looked_at.job_id AND attempts.attempt = looked_at.attempt
"""
# The attempts and webhook messages of a job are deleted with it. A message that is still to be sent keeps it.
_FORGET_JOBS: Final = """
    WITH old AS (
        SELECT id FROM jobs
        WHERE artifact_erased_at IS NOT NULL AND finished_at < now() - $1::interval
          AND NOT EXISTS (SELECT FROM webhook_outbox
                          WHERE webhook_outbox.job_id = jobs.id AND webhook_outbox.state = 'pending')
        ORDER BY finished_at LIMIT $2 FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM jobs USING old WHERE jobs.id = old.id RETURNING jobs.id
    )
    SELECT count(*) FROM gone
"""
_FORGET_BATCHES: Final = """
    WITH old AS (
        SELECT tenant_id, idempotency_key FROM batches WHERE created_at < now() - $1::interval
        ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM batches USING old
        WHERE batches.tenant_id = old.tenant_id AND batches.idempotency_key = old.idempotency_key
        RETURNING 1
    )
    SELECT count(*) FROM gone
"""


@dataclass(frozen=True, slots=True)
class EraseCursor:
    """How far a pass through the rows that are due has come.

    Rows whose files the store does not remove are left behind, so that a pass comes to an end.
    """

    at: datetime = datetime(2000, 1, 1, tzinfo=UTC)
    job_id: UUID = _FIRST_ID
    attempt: int = 0


START: Final = EraseCursor()


@dataclass(frozen=True, slots=True)
class EraseStep:
    """What one step of a pass did.

    Attributes:
        erased: rows whose files are erased.
        refused: rows whose files the store did not remove; the next pass tries them again.
        next: where the next step begins; None: this was the last step.
    """

    erased: int
    refused: int
    next: EraseCursor | None


async def erase_artifacts(
    database: Database, cursor: EraseCursor, *, delete: Delete, limit: int
) -> EraseStep:
    """Erase the files of ended jobs whose retention is over, of at most `limit` jobs.

    The files of all attempts are erased: a worker that had lost its lease may have uploaded one later.

    Raises:
        UnavailableError: Postgres or the store does not answer. Nothing was marked; call again later.
    """
    async with database.transaction() as connection:
        rows = await connection.fetch(_ERASABLE, cursor.at, cursor.job_id, limit)
        if not rows:
            return EraseStep(0, 0, None)
        keys_of = [_keys_of_job(row) for row in rows]
        kept = await delete([key for keys in keys_of for key in keys])
        done = [row["id"] for row, keys in zip(rows, keys_of, strict=True) if kept.isdisjoint(keys)]
        await connection.execute(_MARK_ERASED, done)
        await _forget_comparisons(connection, done)
    last = EraseCursor(rows[-1]["erase_at"], rows[-1]["id"]) if len(rows) == limit else None
    return EraseStep(len(done), len(rows) - len(done), last)


async def erase_artifact(
    database: Database, *, job_id: UUID, tenant_id: UUID, may_erase: Callable[[Job], None], delete: Delete
) -> Job | None:
    """Erase the files of one ended job now, and what its page was made of. It can be repeated safely.

    Args:
        database: connections to Postgres.
        job_id: the job.
        tenant_id: its owner.
        may_erase: raises an error if this job, whose row is locked, has nothing to erase.
        delete: removes files from the store.

    Returns:
        The job as it is now. None: this tenant has no such job.

    Raises:
        UnavailableError: Postgres or the store does not answer, or the store keeps a file. The job is not
            marked; call again.
    """
    async with database.transaction() as connection:
        row = await connection.fetchrow(_LOCK, job_id, tenant_id)
        if row is None:
            return None
        job = job_from_row(row)
        may_erase(job)
        if job.artifact_erased_at is None:
            if await delete(_keys_of_job(row)):
                raise UnavailableError(ErrorType.STORAGE_UNAVAILABLE, "the store did not erase the artifact")
            job = replace(job, artifact_erased_at=await connection.fetchval(_MARK_ONE_ERASED, job_id))
            await _forget_comparisons(connection, [job_id])
    return job


async def _forget_comparisons(connection: DatabaseConnection, job_ids: Sequence[UUID]) -> None:
    for statement in _FORGET_COMPARISONS:
        await connection.execute(statement, job_ids)


def _keys_of_job(row: asyncpg.Record) -> list[str]:
    keys = [str(row[name]) for name in ("artifact_key", "evidence_key") if row[name] is not None]
    keys += row["differences"]
    if row["artifact_key"] is not None:
        keys += thumbnail_keys(row["artifact_key"])
    for attempt in row["others"]:
        keys += possible_keys(row["tenant_id"], row["id"], attempt, row["created_at"], formats=Format)
    return keys


async def erase_orphans(
    database: Database, cursor: EraseCursor, *, age: timedelta, delete: Delete, limit: int
) -> EraseStep:
    """Erase the files of attempts that did not succeed, `age` after their end. Their job may still be open.

    Raises:
        UnavailableError: Postgres or the store does not answer. Nothing was marked; call again later.
    """
    async with database.transaction() as connection:
        rows = await connection.fetch(_ORPHANED, age, cursor.at, cursor.job_id, cursor.attempt, limit)
        if not rows:
            return EraseStep(0, 0, None)
        keys_of = [_keys_of_attempt(row) for row in rows]
        kept = await delete([key for keys in keys_of for key in keys])
        done = [row for row, keys in zip(rows, keys_of, strict=True) if kept.isdisjoint(keys)]
        await connection.execute(
            _MARK_ORPHANS_ERASED, [row["job_id"] for row in done], [row["attempt"] for row in done]
        )
    last = rows[-1] if len(rows) == limit else None
    following = None if last is None else EraseCursor(last["finished_at"], last["job_id"], last["attempt"])
    return EraseStep(len(done), len(rows) - len(done), following)


def _keys_of_attempt(row: asyncpg.Record) -> list[str]:
    keys = possible_keys(row["tenant_id"], row["job_id"], row["attempt"], row["created_at"], formats=Format)
    # A job that has failed keeps the evidence of its last attempt.
    return [key for key in keys if key not in (row["artifact_key"], row["evidence_key"])]


async def forget_jobs(database: Database, *, history: timedelta, limit: int) -> int:
    """Delete the rows of jobs that ended `history` ago or earlier and have no files; returns how many."""
    return int(await database.fetchval(_FORGET_JOBS, history, limit))


async def forget_batches(database: Database, *, history: timedelta, limit: int) -> int:
    """Delete the keys of batches that were accepted `history` ago or earlier; returns how many."""
    return int(await database.fetchval(_FORGET_BATCHES, history, limit))
