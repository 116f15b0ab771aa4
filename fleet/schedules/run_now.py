"""Making a job of a schedule now, besides those of its times, which stay as they are. All SQL of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from fleet.database import Database
from fleet.jobs.create.insert import NewJob, insert_statement
from fleet.jobs.job import Job, job_from_row
from fleet.render.request import RenderRequest
from fleet.render.sealed import SealedRequest
from fleet.vault import Vault, writing_sealed

_FIND: Final = "SELECT request, secrets, now() FROM schedules WHERE id = $1 AND tenant_id = $2"
# In the time of the database, as all others, so that pictures are compared in the order of their times.
_IS_THERE: Final = "EXISTS (SELECT FROM schedules WHERE id = $1)"
_INSERT: Final = f"""
    WITH made AS (
        {insert_statement(own_arguments=1, condition=_IS_THERE)}
    ), noted AS (
        UPDATE schedules SET last_job_id = made.id FROM made WHERE schedules.id = $1
    )
    SELECT * FROM made
"""


@dataclass(frozen=True, slots=True)
class StoredTemplate:
    """What a schedule renders, as it is stored.

    Attributes:
        now: the time of the database when it was read.
    """

    request: SealedRequest
    now: datetime


async def find_template(database: Database, *, schedule_id: UUID, tenant_id: UUID) -> StoredTemplate | None:
    """What a schedule renders. None: this tenant has no such schedule."""
    row = await database.fetchrow(_FIND, schedule_id, tenant_id)
    return None if row is None else StoredTemplate(SealedRequest(row["request"], row["secrets"]), row["now"])


async def run_now(
    database: Database,
    vault: Vault,
    request: RenderRequest,
    *,
    schedule_id: UUID,
    tenant_id: UUID,
    scheduled_for: datetime,
) -> Job | None:
    """Make a job of a schedule, of this moment: its picture is compared as if it were one of its times.

    Args:
        database: connections to Postgres.
        vault: seals the secrets of the request for the job.
        request: what the schedule renders.
        schedule_id: the schedule, which the caller has found.
        tenant_id: its owner.
        scheduled_for: when the template was read, in the time of the database.

    Returns:
        The job. None: the schedule is gone, or makes a job for this very microsecond.

    Raises:
        fleet.vault.WrongKeyError: it holds secrets, and this process cannot seal for the fleet.
        UnavailableError: Postgres does not answer.
    """
    new = NewJob.of(request, vault, tenant_id)._replace(
        schedule_id=schedule_id, scheduled_for=scheduled_for, render_digest=None
    )
    row = await writing_sealed(database, vault, lambda: database.fetchrow(_INSERT, schedule_id, *new))
    return None if row is None else job_from_row(row)
