"""How a job is accepted: stored once for each idempotency key, and durable from then on."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final
from uuid import UUID

import uuid_utils.compat as uuid_utils

from fleet.database import Pool, answering
from fleet.jobs import JOB_COLUMNS, Job, job_from_row
from fleet.request import RenderRequest


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
# run later has none, and the sweeper hands it over when its time has come.
_ACCEPT: Final = f"""
    INSERT INTO jobs (tenant_id, idempotency_key, id, request, request_digest, external_id, max_attempts,
                      priority, run_after, expires_at, webhook_url, retention_s, dispatched_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, coalesce($9, now()), now() + $10::interval, $11, $12,
            CASE WHEN $9::timestamptz > now() THEN NULL ELSE now() END)
    ON CONFLICT (tenant_id, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING
    RETURNING {JOB_COLUMNS}
"""
_FIND_BY_IDEMPOTENCY_KEY: Final = f"""
    SELECT {JOB_COLUMNS}, request_digest FROM jobs WHERE tenant_id = $1 AND idempotency_key = $2
"""


def new_row(request: RenderRequest) -> tuple[Any, ...]:
    """A new id and what is stored of a request, in the order of the arguments of `_ACCEPT`."""
    return (
        uuid_utils.uuid7(),
        request.model_dump_json(exclude_defaults=True),
        request.digest(),
        request.external_id,
        request.max_attempts,
        request.priority,
        request.run_at,
        None if request.expires_in_s is None else timedelta(seconds=request.expires_in_s),
        request.webhook_url,
        request.retention_s,
    )


async def accept(
    pool: Pool, *, tenant_id: UUID, request: RenderRequest, idempotency_key: str | None = None
) -> Acceptance:
    """Store a job. When this returns, the job is committed: it will reach a terminal state.

    Raises:
        UnavailableError: Postgres does not answer; no row was made, or (the connection broke during the
            commit) one that the same idempotency key finds again.
    """
    async with answering():
        row = await pool.fetchrow(_ACCEPT, tenant_id, idempotency_key, *new_row(request))
        if row is not None:
            return Acceptance(job_from_row(row), is_new=True, is_same_request=True)
    found = idempotency_key and await find_idempotent(
        pool, tenant_id=tenant_id, request=request, idempotency_key=idempotency_key
    )
    if not found:
        raise RuntimeError("a job vanished between a conflict on its idempotency key and the look at it")
    return found


async def find_idempotent(
    pool: Pool, *, tenant_id: UUID, request: RenderRequest, idempotency_key: str
) -> Acceptance | None:
    """The job that was accepted under this key before, if any.

    Raises:
        UnavailableError: Postgres does not answer.
    """
    async with answering():
        row = await pool.fetchrow(_FIND_BY_IDEMPOTENCY_KEY, tenant_id, idempotency_key)
    if row is None:
        return None
    # A job that runs another one anew has the same request, but was made by another call.
    is_same = row["request_digest"] == request.digest() and row["retry_of"] is None
    return Acceptance(job_from_row(row), is_new=False, is_same_request=is_same)
