"""Storing a file beside a job's artifact, so that it is always erased with the artifact."""

from collections.abc import Awaitable, Callable
from typing import Final
from uuid import UUID

from fleet.database import Database

# Whoever erases the artifact has to lock the row more strongly, so it waits, or comes back.
_HOLD: Final = "SELECT FROM jobs WHERE id = $1 AND artifact_erased_at IS NULL FOR SHARE"


async def keep_beside_artifact(
    database: Database, *, job_id: UUID, store: Callable[[], Awaitable[None]]
) -> bool:
    """Store a file while the artifact of a job cannot be erased. False: it is erased already.

    The file's key must be one that is erased with the artifact (`fleet/jobs/erase.py`).

    Args:
        database: connections to Postgres; one is taken for as long as it takes to store.
        job_id: the job.
        store: stores the file.

    Raises:
        UnavailableError: Postgres or the store does not answer.
    """
    async with database.transaction() as connection:
        if await connection.fetchrow(_HOLD, job_id) is None:
            return False
        await store()
        return True
