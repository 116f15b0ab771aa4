"""Figures over time: jobs that have ended, and the state of the fleet."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from renderfleet.models.document import Document


@dataclass(frozen=True, slots=True, kw_only=True)
class Percentiles(Document):
    """Durations in milliseconds; None: there was no such job."""

    p50: float | None
    p95: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndedStates(Document):
    """How many jobs ended, by state."""

    succeeded: int
    failed: int
    cancelled: int
    expired: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryPoint(Document):
    """The jobs that ended within one step."""

    at: datetime
    ended: EndedStates
    errors: Mapping[str, int]
    total_ms: Percentiles
    queued_ms: Percentiles


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetPoint(Document):
    """The fleet within one step."""

    at: datetime
    queued: int
    oldest_queued_s: float
    running: float
    workers: int
    slots: int
    memory_bytes: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class History(Document):
    """Jobs that ended, step by step."""

    since: datetime
    until: datetime
    step_s: int
    counted_until: datetime
    points: tuple[HistoryPoint, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FleetHistory(Document):
    """Jobs that ended, and the state of the fleet, step by step."""

    since: datetime
    until: datetime
    step_s: int
    counted_until: datetime
    points: tuple[HistoryPoint, ...]
    fleet: tuple[FleetPoint, ...]
