"""Schedules."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from renderfleet.models.comparisons import Region
from renderfleet.models.document import Document


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison(Document):
    """When two pictures of a schedule count as equal."""

    method: str
    threshold: float | None
    ignore_regions: tuple[Region, ...]
    ignore_selectors: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleError(Document):
    """Why no job was made at the last time."""

    type: str
    detail: str
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class ScheduleLinks(Document):
    """Related calls, as paths on the server."""

    self: str
    jobs: str
    last_job: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule(Document):
    """A schedule: it makes a job at each time of its cron expression."""

    id: str
    name: str | None
    cron: str
    timezone: str
    job: Mapping[str, Any] | None
    sealed_fields: tuple[str, ...]
    deliver: str
    compare: Comparison | None
    enabled: bool
    next_fires: tuple[datetime, ...]
    last_fired_at: datetime | None
    last_job_id: str | None
    last_error: ScheduleError | None
    created_at: datetime
    links: ScheduleLinks
