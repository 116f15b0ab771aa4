"""The jobs of tenants that have changed lately, with when. All SQL of it.

Nothing is stored for this: when a job was queued, when its last attempt began and when it ended are in its
row. So only the latest change of each job is found. Each part reads a range of a small index.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from fleet.database import Database
from fleet.jobs.job import State

_COLUMNS: Final = "id, tenant_id, state, attempt, external_id"
_CHANGED_SINCE: Final = f"""
    WITH changed AS (
        SELECT {_COLUMNS}, queued_at AS at FROM jobs
        WHERE state = 'queued' AND queued_at > $2 AND tenant_id = ANY($1::uuid[])
        UNION ALL
        SELECT {_COLUMNS}, started_at FROM jobs
        WHERE state = 'running' AND started_at > $2 AND tenant_id = ANY($1::uuid[])
        UNION ALL
        SELECT {_COLUMNS}, finished_at FROM jobs
        WHERE finished_at > $2 AND tenant_id = ANY($1::uuid[])
    ), newest AS (
        SELECT *, row_number() OVER (PARTITION BY tenant_id ORDER BY at DESC) AS place FROM changed
    )
    SELECT {_COLUMNS}, at FROM newest WHERE place <= $3 ORDER BY at
"""
_NOW: Final = "SELECT now()"


@dataclass(frozen=True, slots=True)
class JobChange:
    """The latest change of a job.

    Attributes:
        state: since the change.
        at: when it happened, by the clock of the database.
    """

    id: UUID
    tenant_id: UUID
    state: State
    attempt: int
    external_id: str | None
    at: datetime


async def changed_since(
    database: Database, tenant_ids: Sequence[UUID], since: datetime, *, limit: int
) -> list[JobChange]:
    """The latest changes of these tenants' jobs after this time, the oldest first.

    A change is seen only when it is committed, which may be seconds after its time.

    Args:
        database: connections to Postgres.
        tenant_ids: whose.
        since: by the clock of the database.
        limit: of each tenant, the newest changes are given.
    """
    rows = await database.fetch(_CHANGED_SINCE, tenant_ids, since, limit)
    return [JobChange(**{**row, "state": State(row["state"])}) for row in rows]


async def database_now(database: Database) -> datetime:
    """The time by the clock that `JobChange.at` is from."""
    found: datetime = await database.fetchval(_NOW)
    return found
