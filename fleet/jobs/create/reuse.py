"""Finding a job that has rendered the same before: the artifacts of jobs as a cache. All SQL of it.

Two requests render the same if all options that reach the page are equal (`RenderRequest.rendered`).
Priority, retention and webhook do not matter. Only jobs of the same tenant are searched.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from fleet.database import Database
from fleet.jobs.facts import FIRST_ERROR_STATUS
from fleet.jobs.job import JOB_COLUMNS, Job, job_from_row


class ReuseKind(StrEnum):
    """What was found."""

    ARTIFACT = "artifact"  # a job that has succeeded
    OPEN = "open"  # an open job of a signed link, to wait for
    FAILURE = "failure"  # a job that failed a moment ago: a new one would probably fail as well
    NEW = "new"  # nothing was found, and the job was made just now


@dataclass(frozen=True, slots=True)
class ReusableJob:
    """A job that renders the same, and of what use it is."""

    kind: ReuseKind
    job: Job


# The index jobs_by_render has ended jobs whose artifact is not erased, jobs_of_links the open jobs of links.
_EQUAL: Final = "tenant_id = $1 AND render_digest = $2"
_STORED: Final = "state = 'succeeded' AND artifact_erased_at IS NULL"
_FIND: Final = f"""
    (SELECT 1 AS rank, 'artifact' AS kind, {JOB_COLUMNS} FROM jobs
     WHERE {_EQUAL} AND {_STORED} AND finished_at > now() - $3::interval
       AND (coalesce((page->>'http_status')::int, 0) < {FIRST_ERROR_STATUS}
            OR finished_at > now() - $4::interval)
     ORDER BY finished_at DESC LIMIT 1)
    UNION ALL
    (SELECT 2, 'open', {JOB_COLUMNS} FROM jobs
     WHERE {_EQUAL} AND of_link AND state IN ('queued', 'running'))
    UNION ALL
    (SELECT 3, 'failure', {JOB_COLUMNS} FROM jobs
     WHERE {_EQUAL} AND state = 'failed' AND artifact_erased_at IS NULL
       AND finished_at > now() - $4::interval
     ORDER BY finished_at DESC LIMIT 1)
    ORDER BY rank LIMIT 1
"""
# If the eraser has locked the row, this waits for it, and finds nothing if the artifact was erased.
_KEEP: Final = f"""
    UPDATE jobs SET erase_at = greatest(erase_at, now() + $4::interval)
    WHERE id = (SELECT id FROM jobs WHERE {_EQUAL} AND {_STORED} AND finished_at > now() - $3::interval
                ORDER BY finished_at DESC LIMIT 1)
      AND artifact_erased_at IS NULL
    RETURNING {JOB_COLUMNS}
"""


async def find_rendered(
    database: Database, digest: bytes, *, tenant_id: UUID, max_age: timedelta, failed_within: timedelta
) -> ReusableJob | None:
    """What a load of a link can be answered with: an artifact, or a job to wait for, or a recent failure.

    Args:
        database: connections to Postgres.
        digest: what `fleet.jobs.create.insert.render_digest` makes of the request.
        tenant_id: the owner of the request.
        max_age: how old an artifact may be.
        failed_within: how old a failure may be, and the picture of an error page.
    """
    row = await database.fetchrow(_FIND, tenant_id, digest, max_age, failed_within)
    return None if row is None else ReusableJob(ReuseKind(row["kind"]), job_from_row(row))


async def keep_rendered(
    database: Database, digest: bytes, *, tenant_id: UUID, max_age: timedelta, retention: timedelta
) -> Job | None:
    """The newest job that has rendered the same. Its artifact is kept for at least `retention` from now on.

    Args:
        database: connections to Postgres.
        digest: what `fleet.jobs.create.insert.render_digest` makes of the request.
        tenant_id: the owner of the request.
        max_age: how old its artifact may be.
        retention: how long the caller wants the artifact.
    """
    row = await database.fetchrow(_KEEP, tenant_id, digest, max_age, retention)
    return None if row is None else job_from_row(row)
