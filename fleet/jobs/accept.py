"""How a job is accepted: stored once for each idempotency key, and durable from then on."""

from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

from fleet.database import Database
from fleet.jobs.insert import NewJob, insert_statement, job_arguments
from fleet.jobs.job import JOB_COLUMNS, Job, job_from_row
from fleet.render.request import RenderRequest
from fleet.vault import Vault, writing_sealed


@dataclass(frozen=True, slots=True)
class Acceptance:
    """What a call made, or has made before under the same idempotency key.

    Attributes:
        job: the job, new or found under the same idempotency key.
        is_new: whether this call made it; only then is there something to dispatch.
        is_same_request: False when the key was used with another request before.
    """

    job: Job
    is_new: bool
    is_same_request: bool


_INSERT: Final = insert_statement()
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
) -> Acceptance:
    """Store a job. When this returns, the job is committed: it will reach a terminal state.

    Raises:
        fleet.vault.WrongKeyError: it holds secrets, and this process cannot seal for the fleet.
        UnavailableError: Postgres does not answer; no row was made, or (the connection broke during the
            commit) one that the same idempotency key finds again.
    """
    job = await _insert(
        database, vault, NewJob.of(request, vault, tenant_id, idempotency_key=idempotency_key)
    )
    if job is not None:
        return Acceptance(job, is_new=True, is_same_request=True)
    found = idempotency_key and await find_idempotent(
        database, vault, tenant_id=tenant_id, request=request, idempotency_key=idempotency_key
    )
    if not found:
        raise RuntimeError("a job vanished between a conflict on its idempotency key and the look at it")
    return found


async def accept_of_link(
    database: Database, vault: Vault, *, tenant_id: UUID, request: RenderRequest
) -> Job | None:
    """Store the job of a signed link; None: there is an open one of a link that renders the same.

    Raises:
        UnavailableError: Postgres does not answer; no row was made, or (the connection broke during the
            commit) one that the next call finds open.
    """
    return await _insert(database, vault, replace(NewJob.of(request, vault, tenant_id), of_link=True))


async def _insert(database: Database, vault: Vault, new: NewJob) -> Job | None:
    """Store one job; None: one that exists is in conflict with it."""
    arguments = job_arguments([new])
    row = await writing_sealed(database, vault, lambda: database.fetchrow(_INSERT, *arguments))
    return None if row is None else job_from_row(row)


async def find_idempotent(
    database: Database, vault: Vault, *, tenant_id: UUID, request: RenderRequest, idempotency_key: str
) -> Acceptance | None:
    """The job that was accepted under this key before, if any."""
    row = await database.fetchrow(_FIND_BY_IDEMPOTENCY_KEY, tenant_id, idempotency_key)
    if row is None:
        return None
    # A job that runs another one anew has the same request, but was made by another call.
    is_equal = vault.matches(row["request_digest"], request.canonical(), tenant_id=tenant_id)
    is_same = is_equal and row["retry_of"] is None
    return Acceptance(job_from_row(row), is_new=False, is_same_request=is_same)
