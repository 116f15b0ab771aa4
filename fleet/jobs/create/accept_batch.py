"""Accepting many jobs in one transaction, once for each idempotency key. All SQL of it."""

import asyncio
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias
from uuid import UUID

import asyncpg

from fleet.database import Database
from fleet.jobs.create.accept import IdempotencyConflictError
from fleet.jobs.create.insert import NewJob, columns_of, insert_statement
from fleet.jobs.job import Job, job_from_row
from fleet.jobs.read import get_many
from fleet.render.request import RenderRequest
from fleet.vault import Vault, writing_sealed

# Why an item was refused: a problem document, which this module stores and returns as it is.
ItemRefusal: TypeAlias = Mapping[str, Any]

_INSERT_JOBS: Final = insert_statement(
    own_arguments=4, condition="$2::text IS NULL OR EXISTS (SELECT FROM batch)", of_many=True
)
# One statement is one transaction and one round trip. With a key it first inserts a row for the batch. A call
# with the same key at the same time waits for that row, and then inserts no job.
_ACCEPT: Final = f"""
    WITH batch AS (
        INSERT INTO batches (tenant_id, idempotency_key, digest, items)
        SELECT $1, $2, $3, $4 WHERE $2::text IS NOT NULL
        ON CONFLICT DO NOTHING RETURNING idempotency_key
    )
    {_INSERT_JOBS}
"""
_FIND: Final = "SELECT digest, items FROM batches WHERE tenant_id = $1 AND idempotency_key = $2"


@dataclass(frozen=True, slots=True)
class BatchKey:
    """The idempotency key of a batch, and what it belongs to.

    Attributes:
        key: the key of the call. A single job may have the same key: the two do not affect each other.
        digest: what `digest_of` makes of the items.
    """

    key: str
    digest: bytes


@dataclass(frozen=True, slots=True)
class BatchAcceptance:
    """What a call made, or has made before under the same idempotency key.

    Attributes:
        items: in the order of the call: the job, or why the item was refused, or None if the job's row has
            been deleted since.
        is_new: whether this call made the jobs.
    """

    items: Sequence[Job | ItemRefusal | None]
    is_new: bool

    @property
    def jobs(self) -> list[Job]:
        """The jobs among the items."""
        return [item for item in self.items if isinstance(item, Job)]


def digest_of(documents: Sequence[Any]) -> bytes:
    """SHA-256 of the items as they were sent. Spaces and the order of fields make no difference.

    The items are not validated for this: a repeated call must be recognised also when the rules have changed.
    """
    digest = hashlib.sha256()
    for document in documents:
        digest.update(json.dumps(document, sort_keys=True).encode() + b"\n")
    return digest.digest()


async def accept_batch(
    database: Database,
    vault: Vault,
    *,
    tenant_id: UUID,
    items: Sequence[RenderRequest | ItemRefusal],
    key: BatchKey | None,
) -> BatchAcceptance:
    """Store the jobs among the items in one transaction. There must be at least one.

    Raises:
        IdempotencyConflictError: the key was used with another body before.
        fleet.vault.WrongKeyError: one holds secrets, and this process cannot seal for the fleet.
        UnavailableError: Postgres does not answer. Either nothing was stored, or (the connection broke during
            the commit) a batch that the same key finds.
    """
    new_jobs: list[NewJob] = []
    kept: list[Mapping[str, Any]] = []
    for item in items:
        if isinstance(item, RenderRequest):
            new_jobs.append(NewJob.of(item, vault, tenant_id))
            kept.append({"job": str(new_jobs[-1].id)})
        else:
            kept.append({"error": item})
        await asyncio.sleep(0)  # a long document takes milliseconds; other calls go on meanwhile
    batch: tuple[Any, ...] = (None, None, None)
    if key is not None:
        batch = (key.key, vault.digest(key.digest, tenant_id=tenant_id), json.dumps(kept))
    arguments = (tenant_id, *batch, *columns_of(new_jobs))
    stored = await writing_sealed(database, vault, lambda: database.fetch(_ACCEPT, *arguments))
    if stored:
        return BatchAcceptance(_in_order(kept, [job_from_row(row) for row in stored]), is_new=True)
    found = await find_batch(database, vault, tenant_id=tenant_id, key=key)
    if found is None:
        raise RuntimeError("a batch vanished between a conflict on its idempotency key and the look at it")
    return found


def _in_order(kept: Sequence[Mapping[str, Any]], jobs: Sequence[Job]) -> list[Job | ItemRefusal | None]:
    by_id = {str(job.id): job for job in jobs}
    return [item["error"] if "error" in item else by_id.get(item["job"]) for item in kept]


async def find_batch(
    database: Database, vault: Vault, *, tenant_id: UUID, key: BatchKey | None
) -> BatchAcceptance | None:
    """The batch that was accepted under this key before, with its jobs as they are now.

    None: there is none, or the call has no key.

    Raises:
        IdempotencyConflictError: the key was used with another body before.
    """
    if key is None:
        return None
    row: asyncpg.Record | None = await database.fetchrow(_FIND, tenant_id, key.key)
    if row is None:
        return None
    if not vault.matches(row["digest"], key.digest, tenant_id=tenant_id):
        raise IdempotencyConflictError
    kept = json.loads(row["items"])
    jobs = await get_many(database, [UUID(item["job"]) for item in kept if "job" in item])
    return BatchAcceptance(_in_order(kept, jobs), is_new=False)
