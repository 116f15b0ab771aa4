"""The job document: the fields of a job that its owner gets in answers and webhooks."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from fleet.artifacts.keys import SignedAddress
from fleet.errors import ErrorType
from fleet.jobs.job import Job, State


class ArtifactStatus(StrEnum):
    """Whether the artifact's file still exists."""

    STORED = "stored"
    EXPIRED = "expired"


class ArtifactDocument(BaseModel):
    """The picture or document that was stored."""

    status: ArtifactStatus = Field(description="stored, or expired: erased because `retention_s` is over.")
    expires_at: datetime | None = Field(description="When it is erased.")

    key: str = Field(description="Its key in the S3 bucket.")
    url: str | None = Field(
        description="Presigned address: needs no API key. Null in lists and batches: see `links.artifact`."
    )
    url_expires_at: datetime | None = Field(description="When `url` stops working.")
    content_type: str = Field(examples=["image/png"], description="Media type.")
    size_bytes: int = Field(description="Length in bytes.")
    sha256: str = Field(description="SHA-256 of the bytes, in hexadecimal.")
    width_px: int | None = Field(default=None, description="Width of a picture in device pixels.")
    height_px: int | None = Field(default=None, description="Height of a picture in device pixels.")
    pages: int | None = Field(default=None, description="Pages of a pdf.")


class ErrorDocument(BaseModel):
    """Why a job failed."""

    type: ErrorType = Field(description="The stable name of the error.")
    title: str = Field(description="One sentence, the same for each error of this type.")
    detail: str = Field(description="What happened this time.")
    retryable: bool = Field(description="Whether the fleet caused it, not the page.")


class TimingsDocument(BaseModel):
    """Milliseconds that each stage of the last attempt took; null for a stage that was not reached."""

    queued: float | None = None
    context: float | None = None
    navigation: float | None = None
    readiness: float | None = None
    capture: float | None = None
    upload: float | None = None
    total: float | None = None


class MemoryDocument(BaseModel):
    """Memory of the render."""

    peak_bytes: int | None = Field(description="Highest measured; null when it was not measured.")


class PageDocument(BaseModel):
    """Facts about the page that was rendered."""

    model_config = ConfigDict(from_attributes=True)

    final_url: str | None = Field(default=None, description="Address after redirects.")
    http_status: int | None = Field(default=None, description="Status of the main document.")
    title: str | None = Field(default=None, description="The document's title.")


class LinksDocument(BaseModel):
    """Related calls, as paths on this server."""

    self: str
    artifact: str | None = Field(description="The artifact; null until there is one.")
    events: str = Field(description="Each change of the job, as Server-Sent Events.")


_EXAMPLE: dict[str, Any] = {
    "id": "0198c1d2-4f60-7cc2-b1f4-2a9d3c5e7f01",
    "request": {"url": "https://example.com/", "sealed_fields": []},
    "status": "succeeded",
    "attempt": 1,
    "max_attempts": 3,
    "priority": 5,
    "external_id": None,
    "created_at": "2026-01-31T12:00:00.104211Z",
    "started_at": "2026-01-31T12:00:00.107934Z",
    "finished_at": "2026-01-31T12:00:00.401502Z",
    "expires_at": None,
    "artifact": {
        "status": "stored",
        "expires_at": "2026-02-07T12:00:00.401502Z",
        "key": "0198c1d0-0000-7000-8000-000000000001/2026/01/31/0198c1d2-4f60-7cc2-b1f4-2a9d3c5e7f01-1.png",
        "url": "https://s3.example.com/renderfleet/…?X-Amz-Signature=…",
        "url_expires_at": "2026-01-31T12:15:01Z",
        "content_type": "image/png",
        "size_bytes": 20481,
        "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "width_px": 1280,
        "height_px": 720,
        "pages": None,
    },
    "error": None,
    "timings_ms": {
        "queued": 3.7,
        "context": 0.4,
        "navigation": 141.0,
        "readiness": 12.5,
        "capture": 96.1,
        "upload": 18.9,
        "total": 293.6,
    },
    "memory": {"peak_bytes": None},
    "page": {"final_url": "https://example.com/", "http_status": 200, "title": "Example Domain"},
    "worker_id": "0198c1d1-7777-7000-8000-000000000007",
    "browser_generation": 2,
    "quarantined": False,
    "retry_of": None,
    "schedule_id": None,
    "scheduled_for": None,
    "unchanged": None,
    "warnings": [],
    "links": {
        "self": "/v1/jobs/0198c1d2-4f60-7cc2-b1f4-2a9d3c5e7f01",
        "artifact": "/v1/jobs/0198c1d2-4f60-7cc2-b1f4-2a9d3c5e7f01/artifact",
        "events": "/v1/jobs/0198c1d2-4f60-7cc2-b1f4-2a9d3c5e7f01/events",
    },
}


class JobDocument(BaseModel):
    """A job as its owner sees it. All fields are always present; a value that is not known yet is null."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

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
    error: ErrorDocument | None
    timings_ms: TimingsDocument | None
    memory: MemoryDocument
    page: PageDocument | None
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
    schedule_id: UUID | None = Field(description="The schedule that made it.")
    scheduled_for: datetime | None = Field(description="The time of the schedule for which it was made.")
    unchanged: bool | None = Field(
        description="With `when_changed`: whether the picture equals the last one. Then no webhook is sent."
    )
    warnings: list[str] = Field(
        description="Parts of the page that may be missing although the job succeeded."
    )
    links: LinksDocument

    @classmethod
    def of(cls, job: Job, address: SignedAddress | None = None) -> Self:
        """The document of a job, with a presigned address if one was made."""
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
            artifact=_artifact_document(job, address),
            error=error_of(job),
            timings_ms=None if job.timings_ms is None else TimingsDocument.model_validate(job.timings_ms),
            memory=MemoryDocument(peak_bytes=job.memory_peak_bytes),
            page=None if job.page is None else PageDocument.model_validate(job.page),
            worker_id=job.worker_id,
            browser_generation=job.browser_generation,
            quarantined=job.quarantined_at is not None,
            retry_of=job.retry_of,
            schedule_id=job.schedule_id,
            scheduled_for=job.scheduled_for,
            unchanged=job.unchanged,
            warnings=job.warnings,
            links=_links_document(job),
        )


class JobListDocument(BaseModel):
    """A page of jobs, newest first."""

    jobs: list[JobDocument]
    next_cursor: str | None = Field(description="`cursor` of the next page; null on the last one.")


class WebhookJobDocument(JobDocument):
    """A job in a webhook: the same fields, but with whole addresses as links."""

    links: LinksDocument | None = Field(  # type: ignore[assignment] # the API always knows its own paths
        description="Related calls, as addresses below API_PUBLIC_URL; null without that setting."
    )

    @classmethod
    def of_webhook(cls, job: Job, address: SignedAddress | None, *, api_url: str) -> Self:
        """The document of a job for a receiver, which does not know the server that paths belong to.

        Args:
            job: a job that has ended.
            address: the presigned address of its artifact, if it has one.
            api_url: the address of the API; empty: not known.
        """
        links = _links_document(job, api_url.rstrip("/")) if api_url else None
        return cls.of(job, address).model_copy(update={"links": links})


class WebhookDocument(BaseModel):
    """The body of a webhook, which is signed."""

    type: str = Field(
        description="job.succeeded, job.failed, job.cancelled or job.expired.", examples=["job.succeeded"]
    )
    timestamp: datetime = Field(description="When the job ended.")
    data: WebhookJobDocument = Field(
        description="The job. The address of its artifact is a new one in each attempt to send the message."
    )


def job_path(job: Job) -> str:
    """The path of the job's document."""
    return f"/v1/jobs/{job.id}"


def _artifact_document(job: Job, address: SignedAddress | None) -> ArtifactDocument | None:
    facts = job.artifact
    if job.artifact_key is None or facts is None:
        return None
    return ArtifactDocument(
        status=ArtifactStatus.STORED if job.artifact_erased_at is None else ArtifactStatus.EXPIRED,
        expires_at=job.erase_at,
        key=job.artifact_key,
        url=address.url if address else None,
        url_expires_at=address.expires_at if address else None,
        content_type=facts.content_type,
        size_bytes=facts.size_bytes,
        sha256=facts.sha256,
        width_px=facts.width_px,
        height_px=facts.height_px,
        pages=facts.pages,
    )


# The error of jobs that ended without an error in their row.
_ERROR_OF_STATE: Final = {State.CANCELLED: ErrorType.CANCELLED, State.EXPIRED: ErrorType.EXPIRED}


def error_of(job: Job) -> ErrorDocument | None:
    """Why a job failed, was cancelled or expired. None: it has not ended, or has succeeded."""
    type_ = _ERROR_OF_STATE.get(job.state) if job.error_type is None else ErrorType(job.error_type)
    if type_ is None:
        return None
    kind = type_.kind
    return ErrorDocument(
        type=type_, title=kind.title, detail=job.error_detail or kind.title, retryable=kind.retryable
    )


def _links_document(job: Job, api_url: str = "") -> LinksDocument:
    path = f"{api_url}{job_path(job)}"
    artifact = f"{path}/artifact" if job.artifact_key is not None else None
    return LinksDocument(self=path, artifact=artifact, events=f"{path}/events")
