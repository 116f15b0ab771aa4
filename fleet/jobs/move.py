"""Moving a queued job ahead or back in its tenant's part of the line."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from fleet.database import Database
from fleet.jobs.job import JOB_COLUMNS, Job, job_from_row

_MOVE: Final = f"""
    WITH old AS (
        SELECT id AS old_id, priority AS old_priority FROM jobs
        WHERE id = $1 AND tenant_id = $2 AND state = 'queued' FOR UPDATE
    )
    UPDATE jobs SET priority = $3 FROM old WHERE id = old_id
    RETURNING {JOB_COLUMNS}, old_priority
"""


@dataclass(frozen=True, slots=True)
class MovedJob:
    """A job that was moved.

    Attributes:
        job: as it is now.
        levels: by how many levels its priority has grown; negative: fallen.
    """

    job: Job
    levels: int


async def move(database: Database, *, job_id: UUID, tenant_id: UUID, priority: int) -> MovedJob | None:
    """Give a queued job of this tenant another priority, from 0 to 9.

    None: there is no such job, or it does not wait any more. Moves at the same time come one after the other,
    and the sum of their `levels` is right.

    Raises:
        UnavailableError: Postgres does not answer.
    """
    row = await database.fetchrow(_MOVE, job_id, tenant_id, priority)
    return None if row is None else MovedJob(job_from_row(row), priority - row["old_priority"])
