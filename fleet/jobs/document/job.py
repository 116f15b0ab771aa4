"""The job document: the fields of a job that its owner gets in answers and webhooks."""

from datetime import datetime
from typing import Any, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from fleet.artifacts.keys import SignedAddress
from fleet.comparisons.document import ComparisonDocument
from fleet.jobs.document.error import ErrorDocument, error_of
from fleet.jobs.document.example import JOB_EXAMPLE
from fleet.jobs.document.files import ArtifactDocument, EvidenceDocument, artifact_document, evidence_document
from fleet.jobs.document.render import BlockedDocument, MemoryDocument, PageDocument, TimingsDocument
from fleet.jobs.job import Job, State
from fleet.jobs.verdict import VerdictDocument


class LinksDocument(BaseModel):
    """Related calls, as paths on this server."""

    self: str
    artifact: str | None = Field(description="The artifact; null until there is one.")
    evidence: str | None = Field(description="The evidence; null if there is none.")
    events: str = Field(description="Each change of the job, as Server-Sent Events.")


class JobDocument(BaseModel):
    """A job as its owner sees it. All fields are always present; a value that is not known yet is null."""

    model_config = ConfigDict(json_schema_extra={"examples": [JOB_EXAMPLE]})

    id: UUID = Field(description="The job's id, a UUIDv7.")
    request: dict[str, Any] = Field(
        description="What was asked, without options that have their default. Secret options, such as `html` "
        "and `proxy`, are left out; `sealed_fields` in it has their names."
    )
    status: State = Field(description="queued, running, succeeded, failed, cancelled or expired.")
    attempt: int = Field(
        description="Attempts so far; 0 before the first. Crashes and attempts that were handed back do not "
        "count against `max_attempts`, so this may be larger."
    )
    max_attempts: int = Field(description="After so many failed attempts the job fails.")
    priority: int = Field(description="0 to 9.")
    external_id: str | None = Field(description="Your own name for the job.")
    created_at: datetime = Field(description="When it was accepted.")
    started_at: datetime | None = Field(description="When the last attempt began.")
    finished_at: datetime | None = Field(description="When it ended.")
    expires_at: datetime | None = Field(description="When it expires, if it has not ended before.")
    artifact: ArtifactDocument | None
    evidence: EvidenceDocument | None
    error: ErrorDocument | None
    timings_ms: TimingsDocument | None
    memory: MemoryDocument
    page: PageDocument | None
    blocked: BlockedDocument | None = Field(
        description="What was kept out of the page; null: nothing was to be, or the job has not succeeded."
    )
    verdict: VerdictDocument | None = Field(
        description="What the result is worth; null until there is one, and where no page was."
    )
    worker_id: UUID | None = Field(description="The worker of the last attempt.")
    browser_generation: int | None = Field(
        description="The number of that worker's browser, from 1; 0: a browser for this job alone, because "
        "an earlier attempt crashed."
    )
    quarantined: bool = Field(
        description="Whether it is in quarantine: its page, browser or worker died in three attempts. "
        "`POST …/retry` runs it again."
    )
    retry_of: UUID | None = Field(description="The job whose request this job repeats.")
    replay_of: UUID | None = Field(
        description="The job from whose evidence this job is rendered, without the web; null: from the web."
    )
    schedule_id: UUID | None = Field(description="The schedule that made it.")
    scheduled_for: datetime | None = Field(description="The time of the schedule for which it was made.")
    unchanged: bool | None = Field(
        description="With `when_changed`: whether the picture equals the last one. Then no webhook is sent."
    )
    comparison: ComparisonDocument | None = Field(
        description="With `when_changed`: how the picture differs from the last one that was delivered."
    )
    warnings: list[str] = Field(
        description="Parts of the page that may be missing although the job succeeded."
    )
    links: LinksDocument

    @classmethod
    def of(
        cls, job: Job, address: SignedAddress | None = None, evidence: SignedAddress | None = None
    ) -> Self:
        """The document of a job, with the presigned addresses of artifact and evidence if they were made."""
        return cls(
            id=job.id,
            request={**job.request, "sealed_fields": job.sealed_fields or []},
            status=job.state,
            attempt=job.attempt,
            max_attempts=job.max_attempts,
            priority=job.priority,
            external_id=job.external_id,
            created_at=job.created_at,
            started_at=job.started_at,
            finished_at=job.finished_at,
            expires_at=job.expires_at,
            artifact=artifact_document(job, address),
            evidence=evidence_document(job, evidence),
            error=error_of(job),
            timings_ms=None if job.timings_ms is None else TimingsDocument.model_validate(job.timings_ms),
            memory=MemoryDocument(peak_bytes=job.memory_peak_bytes),
            page=None if job.page is None else PageDocument.model_validate(job.page),
            blocked=None if job.blocked is None else BlockedDocument.model_validate(job.blocked),
            verdict=job.verdict,
            worker_id=job.worker_id,
            browser_generation=job.browser_generation,
            quarantined=job.quarantined_at is not None,
            retry_of=job.retry_of,
            replay_of=job.replay_of,
            schedule_id=job.schedule_id,
            scheduled_for=job.scheduled_for,
            unchanged=job.unchanged,
            comparison=None if job.comparison is None else ComparisonDocument.model_validate(job.comparison),
            warnings=job.warnings,
            links=links_document(job),
        )


class JobListDocument(BaseModel):
    """A page of jobs, newest first."""

    jobs: list[JobDocument]
    next_cursor: str | None = Field(description="`cursor` of the next page; null on the last one.")


def job_path(job: Job) -> str:
    """The path of the job's document."""
    return f"/v1/jobs/{job.id}"


def links_document(job: Job, api_url: str = "") -> LinksDocument:
    """Related calls, as paths; with the address of the API: as addresses."""
    path = f"{api_url}{job_path(job)}"
    artifact = f"{path}/artifact" if job.artifact_key is not None else None
    evidence = f"{path}/evidence" if job.evidence is not None else None
    return LinksDocument(self=path, artifact=artifact, evidence=evidence, events=f"{path}/events")
