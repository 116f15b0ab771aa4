"""Running an ended job anew: a new job with the same request. All SQL of it.

Nothing leaves a terminal state, so the old job stays as it is; only its quarantine is over. What its request
had as secret was erased at its end: such a job cannot be run anew.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import asyncpg
import uuid_utils.compat as uuid_utils

from fleet.database import Database
from fleet.jobs.accept import Acceptance
from fleet.jobs.job import JOB_COLUMNS, State, job_from_row

REPLAYABLE: Final = frozenset({State.FAILED, State.CANCELLED, State.EXPIRED})

_FIND: Final = """
    SELECT state, CASE WHEN state = ANY($3::text[]) THEN request END AS request, sealed_fields
    FROM jobs WHERE id = $1 AND tenant_id = $2
"""
# The request is copied here, it may be 2 MiB long. Times count from now; a run_at that is over means now.
# What a crash is known of renders alone at once (crash_count 1), and has the other chances again.
_REPLAY: Final = f"""
    WITH successor AS (
        INSERT INTO jobs (id, tenant_id, idempotency_key, retry_of, crash_count, request, request_digest,
                          external_id, max_attempts, priority, run_after, expires_at, webhook_url,
                          retention_s, render_digest, dispatched_at)
        SELECT $4, tenant_id, $5, id, least(crash_count, 1), request, request_digest,
               external_id, max_attempts, priority, greatest(run_at, now()),
               now() + make_interval(secs => expires_in_s), webhook_url,
               retention_s, render_digest, CASE WHEN run_at > now() THEN NULL ELSE now() END
        FROM jobs
        CROSS JOIN LATERAL json_to_record(request) AS times (run_at timestamptz, expires_in_s integer)
        WHERE id = $1 AND tenant_id = $2 AND state = ANY($3::text[]) AND sealed_fields IS NULL
        ON CONFLICT (tenant_id, idempotency_key) WHERE idempotency_key IS NOT NULL DO NOTHING
        RETURNING {JOB_COLUMNS}
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
        request_json: None when the job is open or has succeeded.
        erased_fields: what the request had as secret, which is no more; such a job cannot be run anew.
    """

    state: State
    request_json: str | None
    erased_fields: Sequence[str]


async def find_original(database: Database, *, job_id: UUID, tenant_id: UUID) -> Original | None:
    """A job of this tenant; None also for a job of somebody else."""
    row = await database.fetchrow(_FIND, job_id, tenant_id, sorted(REPLAYABLE))
    return None if row is None else _original(row)


def _original(row: asyncpg.Record) -> Original:
    return Original(State(row["state"]), row["request"], row["sealed_fields"] or ())


async def replay(
    database: Database, *, job_id: UUID, tenant_id: UUID, idempotency_key: str | None
) -> Acceptance:
    """Run a job anew that ended without success. It leaves the quarantine in the same transaction.

    Raises:
        UnavailableError: Postgres does not answer; nothing was made, or (the connection broke during the
            commit) a job that the same idempotency key finds again.
    """
    arguments = (job_id, tenant_id, sorted(REPLAYABLE), uuid_utils.uuid7(), idempotency_key)
    row = await database.fetchrow(_REPLAY, *arguments)
    if row is not None:
        return Acceptance(job_from_row(row), is_new=True, is_same_request=True)
    found = idempotency_key and await find_replay(
        database, job_id=job_id, tenant_id=tenant_id, idempotency_key=idempotency_key
    )
    if not found:
        raise RuntimeError("a job vanished while it was run anew")
    return found


async def find_replay(
    database: Database, *, job_id: UUID, tenant_id: UUID, idempotency_key: str
) -> Acceptance | None:
    """What was accepted under this key before, if anything."""
    row = await database.fetchrow(_FIND_BY_IDEMPOTENCY_KEY, tenant_id, idempotency_key)
    if row is None:
        return None
    return Acceptance(job_from_row(row), is_new=False, is_same_request=row["retry_of"] == job_id)
