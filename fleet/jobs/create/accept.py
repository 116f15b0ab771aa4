"""Accepting a job: it is stored once for each idempotency key, and is durable from then on."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import asyncpg

from fleet.database import Database
from fleet.errors import ErrorType, InvalidRequestError
from fleet.jobs.create.insert import NewJob
from fleet.jobs.create.inserts import Inserts
from fleet.jobs.job import JOB_COLUMNS, Job, job_from_row
from fleet.render.request import RenderRequest
from fleet.vault import Vault


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What a call made, or has made before under the same idempotency key.

    Attributes:
        job: the job as it is now.
        is_new: whether this call made it; only then is there something to hand over to Redis.
    """

    job: Job
    is_new: bool


class IdempotencyConflictError(InvalidRequestError):
    """The idempotency key of this call was used for another call before."""

    def __init__(self) -> None:
        super().__init__(
            ErrorType.IDEMPOTENCY_CONFLICT, "this Idempotency-Key belongs to another request; use a new one"
        )


_FIND_BY_IDEMPOTENCY_KEY: Final = f"""
    SELECT {JOB_COLUMNS}, request_digest FROM jobs WHERE tenant_id = $1 AND idempotency_key = $2
"""


async def accept(
    database: Database,
    vault: Vault,
    *,
    tenant_id: UUID,
    request: RenderRequest,
    idempotency_key: str | None = None,
    bundle_id: UUID | None = None,
    inserts: Inserts | None = None,
) -> Acceptance:
    """Store a job. When this returns, the job is committed, and will end, whatever crashes.

    A call that has looked for its key with `find_accepted` before finds here only what another call with the
    same key has made since.

    Args:
        database: connections to Postgres.
        vault: seals the request's secrets.
        tenant_id: whose job it is.
        request: what to render.
        idempotency_key: of the call.
        bundle_id: the bundle with the files of the request that were uploaded.
        inserts: those of this process; None: the job is inserted by itself.

    Raises:
        IdempotencyConflictError: the key was used with another request before.
        fleet.vault.WrongKeyError: it holds secrets, and this process cannot seal for the fleet.
        UnavailableError: Postgres does not answer. Either nothing was stored, or (the connection broke during
            the commit) a job that the same idempotency key finds.
    """
    new = NewJob.of(request, vault, tenant_id, idempotency_key=idempotency_key)
    if bundle_id is not None:
        new = new._replace(bundle_id=bundle_id)
    job = await (inserts or Inserts(database, vault)).insert(new)
    if job is not None:
        return Acceptance(job, is_new=True)
    found = await find_accepted(
        database, vault, tenant_id=tenant_id, request=request, idempotency_key=idempotency_key
    )
    if found is None:
        raise RuntimeError("a job vanished between a conflict on its idempotency key and the look at it")
    return found


async def accept_of_link(
    database: Database, vault: Vault, *, tenant_id: UUID, request: RenderRequest
) -> Job | None:
    """Store the job of a signed link. None: an open job of a link renders the same already.

    Raises:
        UnavailableError: Postgres does not answer. Either nothing was stored, or (the connection broke during
            the commit) a job that the next load of the link finds.
    """
    new = NewJob.of(request, vault, tenant_id)._replace(of_link=True)
    return await Inserts(database, vault).insert(new)


async def find_accepted(
    database: Database, vault: Vault, *, tenant_id: UUID, request: RenderRequest, idempotency_key: str | None
) -> Acceptance | None:
    """The job that was accepted under this key before. None: there is none, or the call has no key.

    Raises:
        IdempotencyConflictError: the key was used with another request before.
    """

    def is_same(row: asyncpg.Record) -> bool:
        # A retry has the same request as its original, but was made by another call.
        is_retry = row["retry_of"] is not None
        return not is_retry and vault.matches(row["request_digest"], request.canonical(), tenant_id=tenant_id)

    return await find_by_key(database, tenant_id=tenant_id, idempotency_key=idempotency_key, is_same=is_same)


async def find_by_key(
    database: Database,
    *,
    tenant_id: UUID,
    idempotency_key: str | None,
    is_same: Callable[[asyncpg.Record], bool],
) -> Acceptance | None:
    """The job that an earlier call with this key has made. None: there is none, or the call has no key.

    Args:
        database: connections to Postgres.
        tenant_id: who calls.
        idempotency_key: the key of the call.
        is_same: whether the job in this row is what the call asks for. Besides `JOB_COLUMNS` the row has
            `request_digest`.

    Raises:
        IdempotencyConflictError: it is not.
    """
    if idempotency_key is None:
        return None
    row = await database.fetchrow(_FIND_BY_IDEMPOTENCY_KEY, tenant_id, idempotency_key)
    if row is None:
        return None
    if not is_same(row):
        raise IdempotencyConflictError
    return Acceptance(job_from_row(row), is_new=False)
