"""Running an ended job again, as a new job with the same request. All SQL of it.

A replay is such a job that is rendered from the evidence of the old one, without the web.

A job that has ended stays as it is; only its quarantine is over. Its credentials were erased when it ended,
so the caller has to send them again. What its page was made of is stored until its artifact is erased.
"""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

import asyncpg

from fleet.database import Database
from fleet.jobs.create.accept import Acceptance, find_by_key
from fleet.jobs.create.insert import NewJob, insert_statement
from fleet.jobs.job import State, job_from_row
from fleet.render.request import RenderRequest
from fleet.render.sealed import CONTENT, SealedRequest
from fleet.vault import Vault, writing_sealed

# The rule that a job's bundle must be there (migration 0011).
_BUNDLE: Final = "jobs_bundle"
RETRYABLE_STATES: Final = frozenset({State.FAILED, State.CANCELLED, State.EXPIRED})
# A replay shows how a result came about, whatever it was.
REPLAYABLE_STATES: Final = RETRYABLE_STATES | {State.SUCCEEDED}

_FIND: Final = """
    SELECT id, state, state = ANY($3::text[]) AS may_run, request, sealed_fields, crash_count, bundle_id,
           CASE WHEN state = ANY($3::text[]) THEN content END AS content
    FROM jobs WHERE id = $1 AND tenant_id = $2
"""
# Checks once more that the old job may be run again, whatever the caller has checked.
_INSERT: Final = f"""
    WITH original AS (
        SELECT id FROM jobs
        WHERE id = $1 AND tenant_id = $2 AND state = ANY($3::text[])
    ), successor AS (
        {insert_statement(own_arguments=3, condition="EXISTS (SELECT FROM original)")}
    ), released AS (
        UPDATE jobs SET quarantined_at = NULL
        WHERE id = $1 AND quarantined_at IS NOT NULL AND EXISTS (SELECT FROM successor)
    )
    SELECT * FROM successor
"""


class OriginalChangedError(Exception):
    """Since the ended job was read, it or what its page was made of has been erased. Read it again."""


@dataclass(frozen=True, slots=True)
class Original:
    """The job that is to be run again.

    Attributes:
        request: as it is stored; None when the job is open or has succeeded.
        erased_credentials: names of the credentials of the request. They were erased at its end, and the
            caller must send them again.
        erased_content: names of what its page was made of, if that is erased too: the artifact was, or an
            earlier release has ended the job. If there are any, the job cannot be run again.
        crash_count: how many of its attempts ended because the browser or the worker crashed.
        bundle_id: the bundle in which the files of its page are; None: none was uploaded.
    """

    id: UUID
    state: State
    request: SealedRequest | None
    erased_credentials: frozenset[str]
    erased_content: frozenset[str]
    crash_count: int
    bundle_id: UUID | None


async def find_original(
    database: Database, *, job_id: UUID, tenant_id: UUID, is_replay: bool = False
) -> Original | None:
    """Read the job that is to be run again, or replayed. None: this tenant has no such job."""
    row = await database.fetchrow(_FIND, job_id, tenant_id, _states(is_replay=is_replay))
    if row is None:
        return None
    sealed = frozenset(row["sealed_fields"] or ())
    return Original(
        id=row["id"],
        state=State(row["state"]),
        request=SealedRequest(row["request"], None, row["content"]) if row["may_run"] else None,
        erased_credentials=sealed - CONTENT,
        erased_content=sealed & CONTENT if row["content"] is None else frozenset(),
        crash_count=row["crash_count"],
        bundle_id=row["bundle_id"],
    )


async def accept_retry(
    database: Database,
    vault: Vault,
    *,
    tenant_id: UUID,
    original: Original,
    request: RenderRequest,
    idempotency_key: str | None = None,
    is_replay: bool = False,
) -> Acceptance:
    """Store a new job with the request of one that ended without success, or of one that is replayed.

    In the same transaction the old job leaves the quarantine. Times such as `expires_in_s` count from now. If
    the old job has crashed, the new one counts as one that has crashed once: it gets a browser of its
    own, and is quarantined after two more crashes.

    Args:
        database: connections to Postgres.
        vault: seals the secrets of the request, and makes its digests.
        tenant_id: the owner of both jobs.
        original: the ended job.
        request: the request of the ended job, with the credentials that the caller has sent again.
        idempotency_key: the key of the call.
        is_replay: whether the new job is rendered from the evidence of the old one.

    Raises:
        IdempotencyConflictError: the key was used with another call before.
        OriginalChangedError: the ended job can no longer be run again.
        fleet.vault.WrongKeyError: it holds secrets, and this process cannot seal for the fleet.
        UnavailableError: Postgres does not answer. Either nothing was stored, or (the connection broke during
            the commit) a job that the same idempotency key finds.
    """
    new = NewJob.of(request, vault, tenant_id, idempotency_key=idempotency_key)._replace(
        retry_of=original.id, crash_count=min(original.crash_count, 1), bundle_id=original.bundle_id
    )
    if is_replay:
        # What the page was once is no answer to a call that asks for the page (`cache_ttl_s`).
        new = new._replace(replay_of=original.id, render_digest=None)
    arguments = (original.id, tenant_id, _states(is_replay=is_replay), *new)
    try:
        row = await writing_sealed(database, vault, lambda: database.fetchrow(_INSERT, *arguments))
    except asyncpg.ForeignKeyViolationError as error:
        if error.constraint_name != _BUNDLE:
            raise
        raise OriginalChangedError from error
    if row is not None:
        return Acceptance(job_from_row(row), is_new=True)
    found = await find_accepted_retry(
        database,
        vault,
        original=original,
        request=request,
        tenant_id=tenant_id,
        idempotency_key=idempotency_key,
        is_replay=is_replay,
    )
    if found is None:
        raise OriginalChangedError
    return found


async def find_accepted_retry(
    database: Database,
    vault: Vault,
    *,
    original: Original,
    request: RenderRequest,
    tenant_id: UUID,
    idempotency_key: str | None,
    is_replay: bool = False,
) -> Acceptance | None:
    """The retry of this job that an earlier call with the key made. None: there is none, or no key.

    Arguments as of `accept_retry`.

    Raises:
        IdempotencyConflictError: the key was used with another call, or with other credentials, before.
    """

    def is_same(row: asyncpg.Record) -> bool:
        if row["retry_of"] != original.id or (row["replay_of"] is not None) != is_replay:
            return False
        # Only credentials can differ. Without any, what another release made of the request is the same.
        return not original.erased_credentials or vault.matches(
            row["request_digest"], request.canonical(), tenant_id=tenant_id
        )

    return await find_by_key(database, tenant_id=tenant_id, idempotency_key=idempotency_key, is_same=is_same)


def _states(*, is_replay: bool) -> list[State]:
    return sorted(REPLAYABLE_STATES if is_replay else RETRYABLE_STATES)
