"""A queued job as its row gives it, for tests that need no database."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from fleet.jobs.job import Job, State

ACCEPTED_AT: Final = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
_QUEUED: Final = Job(
    id=UUID(int=1),
    tenant_id=UUID(int=2),
    state=State.QUEUED,
    attempt=0,
    max_attempts=3,
    dispatch=1,
    priority=5,
    external_id=None,
    created_at=ACCEPTED_AT,
    queued_at=ACCEPTED_AT,
    started_at=None,
    finished_at=None,
    expires_at=None,
    artifact_key=None,
    artifact=None,
    error_type=None,
    error_detail=None,
    page=None,
    timings_ms=None,
    memory_peak_bytes=None,
    worker_id=None,
    browser_generation=None,
    warnings=[],
)


def plain_job(**changes: Any) -> Job:
    """A queued job, changed."""
    return replace(_QUEUED, **changes)
