"""A job: its states, and its row in Postgres.

`docs/states.md` has a diagram of all states.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any, Final
from uuid import UUID

import asyncpg

from fleet.jobs.facts import ArtifactFacts, BlockedFacts, EvidenceFacts, PageFacts
from fleet.jobs.verdict import VerdictDocument
from fleet.queue.entry import QueuedJob, QueueEntry


class State(StrEnum):
    """The state of a job. The last four are terminal: the job has ended, and keeps its state."""

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"

    @property
    def is_terminal(self) -> bool:
        """Whether the job has ended."""
        return self not in (State.QUEUED, State.RUNNING)


@dataclass(frozen=True, slots=True)
class Job:
    """One row of `jobs`, without what is sealed in it.

    Attributes:
        request: what was asked, without its secrets and without what has its default.
        sealed_fields: the names of its secrets; None: it has none.
        replay_of: the job whose recorded requests it is rendered from; None: from the web.
        traceparent: of what has made it, or of who has called; None: nobody traces it.
    """

    id: UUID
    tenant_id: UUID
    state: State
    attempt: int
    max_attempts: int
    dispatch: int
    priority: int
    external_id: str | None
    created_at: datetime
    queued_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime | None
    artifact_key: str | None
    artifact: ArtifactFacts | None
    error_type: str | None
    error_detail: str | None
    page: PageFacts | None
    timings_ms: dict[str, float] | None
    memory_peak_bytes: int | None
    worker_id: UUID | None
    browser_generation: int | None
    warnings: list[str]
    dispatched_at: datetime | None = None
    artifact_erased_at: datetime | None = None
    erase_at: datetime | None = None
    quarantined_at: datetime | None = None
    retry_of: UUID | None = None
    replay_of: UUID | None = None
    schedule_id: UUID | None = None
    scheduled_for: datetime | None = None
    unchanged: bool | None = None
    blocked: BlockedFacts | None = None
    verdict: VerdictDocument | None = None
    evidence: EvidenceFacts | None = None
    comparison: dict[str, Any] | None = None
    request: dict[str, Any] = field(default_factory=dict)
    sealed_fields: list[str] | None = None
    traceparent: str | None = None

    @property
    def is_erased_early(self) -> bool:
        """Whether a call has erased the artifact, before its retention was over."""
        erased_at, erase_at = self.artifact_erased_at, self.erase_at
        return erased_at is not None and erase_at is not None and erased_at < erase_at


JOB_COLUMNS: Final = """
    id, tenant_id, state, attempt, max_attempts, dispatch, priority, external_id, created_at, queued_at,
    started_at, finished_at, expires_at, artifact_key, artifact, error_type, error_detail, page,
    timings_ms, memory_peak_bytes, worker_id, browser_generation, warnings, dispatched_at, artifact_erased_at,
    erase_at, quarantined_at, retry_of, replay_of, schedule_id, scheduled_for, unchanged, blocked,
    verdict, evidence, comparison, request, sealed_fields, traceparent
"""


# Columns of type json or jsonb.
_READERS: Final[dict[str, Callable[[str], Any]]] = {
    "artifact": ArtifactFacts.from_json,
    "blocked": BlockedFacts.from_json,
    "comparison": json.loads,
    "evidence": EvidenceFacts.from_json,
    "page": PageFacts.from_json,
    "request": json.loads,
    "timings_ms": json.loads,
    "verdict": VerdictDocument.model_validate_json,
    "warnings": json.loads,
}


def job_from_row(row: asyncpg.Record) -> Job:
    """Make a Job of a row that has `JOB_COLUMNS`."""
    values = {name: row[name] for name in Job.__slots__}
    values["state"] = State(values["state"])
    for name, read in _READERS.items():
        if values[name] is not None:
            values[name] = read(values[name])
    values["warnings"] = values["warnings"] or []
    return Job(**values)


def queued_job(job: Job, *, weight: float) -> QueuedJob | None:
    """A job that was just accepted, to be put into Redis. None: it is to run later."""
    if job.dispatched_at is None or job.state is not State.QUEUED:
        return None
    entry = QueueEntry(job.id, job.dispatch)
    return QueuedJob(entry, job.tenant_id, weight, job.priority, has_run=job.attempt > 0)
