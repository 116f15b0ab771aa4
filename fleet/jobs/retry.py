"""Running an ended job again, as a new job with the same request. All SQL of it.

A job that has ended stays as it is; only its quarantine is over. Its secrets were erased when it ended, so a
job whose request had secrets cannot be run again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from fleet.database import Database
from fleet.jobs.accept import Acceptance, find_by_key
from fleet.jobs.insert import NewJob, insert_statement
from fleet.jobs.job import State, job_from_row
from fleet.render.request import RenderRequest
from fleet.render.sealed import SealedRequest
from fleet.vault import Vault

RETRYABLE_STATES: Final = frozenset({State.FAILED, State.CANCELLED, State.EXPIRED})

_FIND: Final = """
    SELECT id, state, CASE WHEN state = ANY($3::text[]) THEN request END AS request, sealed_fields,
           crash_count
    FROM jobs WHERE id = $1 AND tenant_id = $2
"""
# Checks once more that the old job may be run again, whatever the caller has checked.
_INSERT: Final = f"""
    WITH original AS (
        SELECT id FROM jobs
        WHERE id = $1 AND tenant_id = $2 AND state = ANY($3::text[]) AND sealed_fields IS NULL
    ), successor AS (
        {insert_statement(own_arguments=3, condition="EXISTS (SELECT FROM original)")}
    ), released AS (
        UPDATE jobs SET quarantined_at = NULL
        WHERE id = $1 AND quarantined_at IS NOT NULL AND EXISTS (SELECT FROM successor)
    )
    SELECT * FROM successor
"""


@dataclass(frozen=True, slots=True)
class Original:
    """The job that is to be run again.

    Attributes:
        request: as it is stored; None when the job is open or has succeeded.
        erased_fields: the secret fields of the request, which were erased. If there are any, the job cannot
            be run again.
        crash_count: how many of its attempts ended because the browser or the worker crashed.
    """

    id: UUID
    state: State
    request: SealedRequest | None
    erased_fields: Sequence[str]
    crash_count: int


async def find_original(database: Database, *, job_id: UUID, tenant_id: UUID) -> Original | None:
    """Read the job that is to be run again. None: this tenant has no such job."""
    row = await database.fetchrow(_FIND, job_id, tenant_id, sorted(RETRYABLE_STATES))
    if row is None:
        return None
    return Original(
        id=row["id"],
        state=State(row["state"]),
        request=None if row["request"] is None else SealedRequest(row["request"], secrets=None),
        erased_fields=row["sealed_fields"] or (),
        crash_count=row["crash_count"],
    )


async def accept_retry(
    database: Database,
    vault: Vault,
    *,
    tenant_id: UUID,
    original: Original,
    request: RenderRequest,
    idempotency_key: str | None = None,
) -> Acceptance:
    """Store a new job with the request of one that ended without success.

    In the same transaction the old job leaves the quarantine. Times such as `expires_in_s` count from now. If
    the old job has crashed, the new one counts as one that has crashed once: it gets a browser of its
    own, and is quarantined after two more crashes.

    Args:
        database: connections to Postgres.
        vault: makes the digests of the request.
        tenant_id: the owner of both jobs.
        original: the ended job.
        request: the request of the ended job, which has no secrets.
        idempotency_key: the key of the call.

    Raises:
        IdempotencyConflictError: the key was used with another call before.
        UnavailableError: Postgres does not answer. Either nothing was stored, or (the connection broke during
            the commit) a job that the same idempotency key finds.
    """
    new = NewJob.of(request, vault, tenant_id, idempotency_key=idempotency_key)._replace(
        retry_of=original.id, crash_count=min(original.crash_count, 1)
    )
    row = await database.fetchrow(_INSERT, original.id, tenant_id, sorted(RETRYABLE_STATES), *new)
    if row is not None:
        return Acceptance(job_from_row(row), is_new=True)
    found = await find_accepted_retry(
        database, job_id=original.id, tenant_id=tenant_id, idempotency_key=idempotency_key
    )
    if found is None:
        raise RuntimeError("a job vanished while it was run again")
    return found


async def find_accepted_retry(
    database: Database, *, job_id: UUID, tenant_id: UUID, idempotency_key: str | None
) -> Acceptance | None:
    """The retry of this job that an earlier call with the key made. None: there is none, or no key.

    Raises:
        IdempotencyConflictError: the key was used with another call before.
    """
    return await find_by_key(
        database,
        tenant_id=tenant_id,
        idempotency_key=idempotency_key,
        is_same=lambda row: row["retry_of"] == job_id,
    )
