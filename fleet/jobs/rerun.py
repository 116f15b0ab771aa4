"""Running an ended job anew: a new job with the same request. All SQL of it.

Nothing leaves a terminal state, so the old job stays as it is; only its quarantine is over. What its request
had as secret was erased at its end: such a job cannot be run anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from fleet.database import Database
from fleet.jobs.accept import Acceptance, IdempotencyConflictError
from fleet.jobs.insert import NewJob, insert_statement
from fleet.jobs.job import JOB_COLUMNS, State, job_from_row
from fleet.render.request import RenderRequest
from fleet.render.sealed import SealedRequest
from fleet.vault import Vault

REPLAYABLE: Final = frozenset({State.FAILED, State.CANCELLED, State.EXPIRED})

_FIND: Final = """
    SELECT id, state, CASE WHEN state = ANY($3::text[]) THEN request END AS request, sealed_fields,
           crash_count
    FROM jobs WHERE id = $1 AND tenant_id = $2
"""
# The old job is looked at once more: it must be one that may be run anew, whatever the caller has checked.
_REPLAY: Final = f"""
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
_FIND_BY_IDEMPOTENCY_KEY: Final = f"""
    SELECT {JOB_COLUMNS} FROM jobs WHERE tenant_id = $1 AND idempotency_key = $2
"""


@dataclass(frozen=True, slots=True)
class Original:
    """A job that may be run anew.

    Attributes:
        request: as it is stored; None when the job is open or has succeeded.
        erased_fields: what the request had as secret, which is no more; such a job cannot be run anew.
        crash_count: how often it ended a browser or a worker.
    """

    id: UUID
    state: State
    request: SealedRequest | None
    erased_fields: Sequence[str]
    crash_count: int


async def find_original(database: Database, *, job_id: UUID, tenant_id: UUID) -> Original | None:
    """A job of this tenant; None also for a job of somebody else."""
    row = await database.fetchrow(_FIND, job_id, tenant_id, sorted(REPLAYABLE))
    if row is None:
        return None
    return Original(
        id=row["id"],
        state=State(row["state"]),
        request=None if row["request"] is None else SealedRequest(row["request"], secrets=None),
        erased_fields=row["sealed_fields"] or (),
        crash_count=row["crash_count"],
    )


async def replay(
    database: Database,
    vault: Vault,
    *,
    tenant_id: UUID,
    original: Original,
    request: RenderRequest,
    idempotency_key: str | None = None,
) -> Acceptance:
    """Run a job anew that ended without success. It leaves the quarantine in the same transaction.

    Times count from now. If the old job has crashed, the new one counts as one that has crashed once: it
    renders alone, and has the other chances again.

    Args:
        database: connections to Postgres.
        vault: makes the digests.
        tenant_id: whose job it is.
        original: the ended job.
        request: that of the ended job, which has no secrets.
        idempotency_key: of the call.

    Raises:
        IdempotencyConflictError: the key was used with another call before.
        UnavailableError: Postgres does not answer; nothing was made, or (the connection broke during the
            commit) a job that the same idempotency key finds again.
    """
    new = NewJob.of(request, vault, tenant_id, idempotency_key=idempotency_key)._replace(
        retry_of=original.id, crash_count=min(original.crash_count, 1)
    )
    row = await database.fetchrow(_REPLAY, original.id, tenant_id, sorted(REPLAYABLE), *new)
    if row is not None:
        return Acceptance(job_from_row(row), is_new=True)
    found = await find_replay(
        database, job_id=original.id, tenant_id=tenant_id, idempotency_key=idempotency_key
    )
    if found is None:
        raise RuntimeError("a job vanished while it was run anew")
    return found


async def find_replay(
    database: Database, *, job_id: UUID, tenant_id: UUID, idempotency_key: str | None
) -> Acceptance | None:
    """The job that runs this one anew under this key. None: there is none, or the call has no key.

    Raises:
        IdempotencyConflictError: the key was used with another call before.
    """
    if idempotency_key is None:
        return None
    row = await database.fetchrow(_FIND_BY_IDEMPOTENCY_KEY, tenant_id, idempotency_key)
    if row is None:
        return None
    if row["retry_of"] != job_id:
        raise IdempotencyConflictError
    return Acceptance(job_from_row(row), is_new=False)
