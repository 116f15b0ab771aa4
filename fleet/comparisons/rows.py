"""Which comparisons were made. Contains the SQL for them; that of their end is in fleet/jobs/erase.py.

A comparison has a row before its difference picture is in the store, so that the picture is erased with the
artifact of either job, whatever crashes. It is remembered only while both artifacts are stored.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

import asyncpg
import uuid_utils.compat as uuid_utils

from fleet.artifacts.keys import difference_key
from fleet.database import Database
from fleet.pictures.options import Method, Region

# Of two comparisons that ask the same, the second one takes over the row of the first.
_BEGIN: Final = """
    INSERT INTO comparisons (id, job_id, with_id, question, picture_key)
    SELECT $1, $2, $3, $4, $5
    WHERE NOT EXISTS (SELECT FROM jobs WHERE id IN ($2, $3) AND artifact_erased_at IS NOT NULL)
    ON CONFLICT (job_id, question) DO UPDATE SET created_at = now()
    RETURNING id, picture_key, answer
"""
# An erasure locks the rows of jobs against this, and this waits for an erasure.
_LOCK_JOBS: Final = "SELECT artifact_erased_at FROM jobs WHERE id = $1 OR id = $2 ORDER BY id FOR SHARE"
_FINISH: Final = "UPDATE comparisons SET answer = $2 WHERE id = $1 RETURNING id"


@dataclass(frozen=True, slots=True)
class PictureOfJob:
    """The picture of one of the two jobs, as far as a comparison depends on it."""

    job_id: UUID
    sha256: str


@dataclass(frozen=True, slots=True)
class StoredComparison:
    """The row of a comparison.

    Attributes:
        picture_key: where the difference picture is, or is to be stored.
        answer: what was found; None: nothing yet.
    """

    id: UUID
    picture_key: str
    answer: dict[str, Any] | None


def question_of(
    one: PictureOfJob, other: PictureOfJob, *, method: Method, ignored: Sequence[Region]
) -> bytes:
    """A digest of all that a comparison depends on. Methods that draw the same pixels share it."""
    asked = {
        "with": [str(one.job_id), one.sha256],
        "picture": other.sha256,
        "draws": "all" if method is Method.PIXELS else "visible",
        "ignored": sorted(region.box for region in ignored),
    }
    return hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).digest()


async def begin(
    database: Database, *, tenant_id: UUID, job_id: UUID, with_id: UUID, question: bytes
) -> StoredComparison | None:
    """Find a comparison, or make its row. None: the artifact of one of the jobs is erased.

    Raises:
        UnavailableError: Postgres does not answer.
    """
    id_ = uuid_utils.uuid7()
    try:
        row = await database.fetchrow(_BEGIN, id_, job_id, with_id, question, difference_key(tenant_id, id_))
    except asyncpg.ForeignKeyViolationError:
        return None  # the row of a job is gone, too
    if row is None:
        return None
    answer = None if row["answer"] is None else json.loads(row["answer"])
    return StoredComparison(row["id"], row["picture_key"], answer)


async def finish(
    database: Database, found: StoredComparison, *, job_id: UUID, with_id: UUID, answer: dict[str, Any]
) -> bool:
    """Remember what was found. False: an artifact was erased meanwhile, and the difference picture is to go.

    Raises:
        UnavailableError: Postgres does not answer.
    """
    async with database.transaction() as connection:
        jobs = await connection.fetch(_LOCK_JOBS, job_id, with_id)
        if any(job["artifact_erased_at"] is not None for job in jobs):
            return False
        return await connection.fetchval(_FINISH, found.id, json.dumps(answer)) is not None
