"""The last jobs of schedules, with little of each: enough for a strip of pictures. All SQL of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from fleet.database import Database
from fleet.jobs.job import State

# One range of the index by schedule for each.
_LAST: Final = """
    SELECT newest.* FROM unnest($2::uuid[]) AS wanted (id) CROSS JOIN LATERAL (
        SELECT id, schedule_id, state, created_at, scheduled_for, unchanged, error_type,
               comparison ->> 'distance' AS distance, artifact ->> 'sha256' AS sha256,
               artifact ->> 'content_type' AS content_type,
               (artifact ->> 'width_px')::integer AS width_px,
               (artifact ->> 'height_px')::integer AS height_px,
               (artifact ->> 'size_bytes')::bigint AS size_bytes,
               artifact_key IS NOT NULL AND artifact_erased_at IS NULL AS is_stored
        FROM jobs WHERE schedule_id = wanted.id AND tenant_id = $1 AND id < $4 ORDER BY id DESC LIMIT $3
    ) AS newest
    ORDER BY newest.schedule_id, newest.id DESC
"""


@dataclass(frozen=True, slots=True)
class ScheduledJob:
    """A job of a schedule.

    Attributes:
        unchanged: whether its picture equals the last one that was delivered; None: it was not compared.
        distance: from the picture with which it was compared; None: it was not.
        sha256: of its artifact; None: it has none.
        is_stored: whether its artifact can still be read.
    """

    id: UUID
    schedule_id: UUID
    state: State
    created_at: datetime
    scheduled_for: datetime | None
    unchanged: bool | None
    error_type: str | None
    distance: float | None
    sha256: str | None
    content_type: str | None
    width_px: int | None
    height_px: int | None
    size_bytes: int | None
    is_stored: bool


async def last_jobs(
    database: Database, schedule_ids: Sequence[UUID], *, tenant_id: UUID, before: UUID, limit: int
) -> dict[UUID, list[ScheduledJob]]:
    """The newest jobs of each of these schedules of a tenant, newest first.

    Args:
        database: connections to Postgres.
        schedule_ids: the schedules.
        tenant_id: their owner.
        before: only jobs with smaller ids.
        limit: how many of each.
    """
    found: dict[UUID, list[ScheduledJob]] = {schedule_id: [] for schedule_id in schedule_ids}
    for row in await database.fetch(_LAST, tenant_id, list(schedule_ids), limit, before):
        values = {name: row[name] for name in ScheduledJob.__slots__}
        values["state"] = State(values["state"])
        values["distance"] = None if values["distance"] is None else float(values["distance"])
        found[row["schedule_id"]].append(ScheduledJob(**values))
    return found
