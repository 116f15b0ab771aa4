"""Cancelling a job: a queued one ends at once, a running one is asked to end."""

from typing import Final
from uuid import UUID

from fleet.database import Database
from fleet.jobs.job import JOB_COLUMNS, Job, job_from_row

# A queued job ends at once. For a running job the wish is noted, and its worker learns of it through Redis or
# with its next heartbeat.
_CANCEL: Final = f"""
    UPDATE jobs
    SET cancel_requested = true, parked = false,
        state = CASE WHEN state = 'queued' THEN 'cancelled' ELSE state END,
        finished_at = CASE WHEN state = 'queued' THEN now() END
    WHERE id = $1 AND tenant_id = $2 AND state IN ('queued', 'running')
    RETURNING {JOB_COLUMNS}
"""


async def cancel(database: Database, *, job_id: UUID, tenant_id: UUID) -> Job | None:
    """Cancel an open job of this tenant: a queued one ends now, a running one is asked to end.

    None: there is no such job, or it has ended before. It can be repeated safely.
    """
    row = await database.fetchrow(_CANCEL, job_id, tenant_id)
    return None if row is None else job_from_row(row)
