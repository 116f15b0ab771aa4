"""How a job is accepted: stored once for each idempotency key, and durable from then on."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import uuid_utils.compat as uuid_utils

from fleet.database import Database
from fleet.jobs.job import JOB_COLUMNS, Job, job_from_row
from fleet.render.request import RenderRequest
from fleet.render.sealed import sealed_columns
from fleet.vault import Owner, Purpose, Vault, writing_sealed


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


# One statement is one transaction. dispatched_at is set in advance: the usual case needs no second write, and
# the sweeper looks for such rows in Redis once, in case this process dies before it rings. A job that is to
# run later has none, and the sweeper hands it over when its time has come. What may be in conflict is the
# idempotency key, or for a link's job another one that is to render the same.
_ACCEPT: Final = f"""
    INSERT INTO jobs (tenant_id, idempotency_key, id, request, secrets, sealed_fields, request_digest,
                      external_id, max_attempts, priority, run_after, expires_at, webhook_url, retention_s,
                      render_digest, of_link, dispatched_at)
    VALUES ($1, $2, $3, $4, $5, string_to_array($6, ','), $7, $8, $9, $10, coalesce($11, now()),
            now() + $12::interval, $13, $14, $15, $16,
            CASE WHEN $11::timestamptz > now() THEN NULL ELSE now() END)
    ON CONFLICT DO NOTHING
    RETURNING {JOB_COLUMNS}
"""
_FIND_BY_IDEMPOTENCY_KEY: Final = f"""
    SELECT {JOB_COLUMNS}, request_digest FROM jobs WHERE tenant_id = $1 AND idempotency_key = $2
"""


def new_row(request: RenderRequest, vault: Vault, tenant_id: UUID) -> tuple[Any, ...]:
    """A new id and what is stored of a request, in the order of the arguments of `_ACCEPT`."""
    job_id = uuid_utils.uuid7()
    return (
        job_id,
        *sealed_columns(request, vault, Owner(Purpose.JOB, tenant_id, job_id)),
        vault.digest(request.canonical(), tenant_id=tenant_id),
        request.external_id,
        request.max_attempts,
        request.priority,
        request.run_at,
        None if request.expires_in_s is None else timedelta(seconds=request.expires_in_s),
        request.webhook_url,
        request.retention_s,
        render_digest(request, vault, tenant_id),
    )


def render_digest(request: RenderRequest, vault: Vault, tenant_id: UUID) -> bytes:
    """The same for requests of a tenant that render the same; keyed, as all that is made of secrets."""
    return vault.digest(request.rendered(), tenant_id=tenant_id)


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
    arguments = (tenant_id, idempotency_key, *new_row(request, vault, tenant_id), False)
    row = await writing_sealed(database, vault, lambda: database.fetchrow(_ACCEPT, *arguments))
    if row is not None:
        return Acceptance(job_from_row(row), is_new=True, is_same_request=True)
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
    arguments = (tenant_id, None, *new_row(request, vault, tenant_id), True)
    row = await writing_sealed(database, vault, lambda: database.fetchrow(_ACCEPT, *arguments))
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
