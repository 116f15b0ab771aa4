"""Has an equal request been rendered already? The artifacts of jobs as a cache, with its SQL.

Requests are equal when all that reaches the page and the picture is equal (`RenderRequest.rendered`),
whatever their priority, retention or webhook. A tenant's own jobs alone are looked at.
"""

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Final
from uuid import UUID

from fleet.database import Database
from fleet.jobs.facts import FIRST_ERROR_STATUS
from fleet.jobs.job import JOB_COLUMNS, Job, job_from_row


class Find(StrEnum):
    """What there is already."""

    ARTIFACT = "artifact"  # of a job that has succeeded
    OPEN = "open"  # a link's job that will end soon
    FAILURE = "failure"  # so young that trying again would end the same way
    NEW = "new"  # nothing: it was made just now


@dataclass(frozen=True, slots=True)
class Found:
    """A job whose request is equal, and why it is of use."""

    what: Find
    job: Job


# jobs_by_render holds ended jobs of which something may be stored, jobs_of_links one open job a picture.
_EQUAL: Final = "tenant_id = $1 AND render_digest = $2"
_STORED: Final = "state = 'succeeded' AND artifact_erased_at IS NULL"
_FIND: Final = f"""
    (SELECT 1 AS rank, 'artifact' AS what, {JOB_COLUMNS} FROM jobs
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
# Waits for an eraser that has the row, and finds nothing if that has erased it.
_KEEP: Final = f"""
    UPDATE jobs SET erase_at = greatest(erase_at, now() + $4::interval)
    WHERE id = (SELECT id FROM jobs WHERE {_EQUAL} AND {_STORED} AND finished_at > now() - $3::interval
                ORDER BY finished_at DESC LIMIT 1)
      AND artifact_erased_at IS NULL
    RETURNING {JOB_COLUMNS}
"""


async def find_rendered(
    database: Database, digest: bytes, *, tenant_id: UUID, max_age: timedelta, failed_within: timedelta
) -> Found | None:
    """What is of use to whoever loads a link: an artifact, else a job to wait for, else a fresh failure.

    Args:
        database: connections to Postgres.
        digest: of the request, as `fleet.jobs.insert.render_digest` makes it.
        tenant_id: whose.
        max_age: how old an artifact may be.
        failed_within: how old a failure may be, and the picture of an error page.
    """
    row = await database.fetchrow(_FIND, tenant_id, digest, max_age, failed_within)
    return None if row is None else Found(Find(row["what"]), job_from_row(row))


async def keep_rendered(
    database: Database, digest: bytes, *, tenant_id: UUID, max_age: timedelta, retention: timedelta
) -> Job | None:
    """The newest job that rendered the same, whose artifact is kept for so long from now on, or longer.

    Args:
        database: connections to Postgres.
        digest: of the request, as `fleet.jobs.insert.render_digest` makes it.
        tenant_id: whose.
        max_age: how old its artifact may be.
        retention: for how long it is wanted.
    """
    row = await database.fetchrow(_KEEP, tenant_id, digest, max_age, retention)
    return None if row is None else job_from_row(row)
