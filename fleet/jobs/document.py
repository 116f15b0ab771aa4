"""The job document: what a caller reads of a job, field by field."""

from datetime import datetime
from enum import StrEnum
from typing import Any, Final, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from fleet.artifacts.keys import SignedAddress
from fleet.errors import ErrorType
from fleet.jobs.job import Job, State


class ArtifactStatus(StrEnum):
    """Whether the bytes are still there."""

    STORED = "stored"
    EXPIRED = "expired"


class ArtifactDocument(BaseModel):
    """The picture or document that was stored."""

    status: ArtifactStatus = Field(description="stored, or expired: `retention_s` is over and it was erased.")
    expires_at: datetime | None = Field(description="When it is erased.")

    key: str = Field(description="Where it lies in the bucket.")
    url: str | None = Field(
        description="Presigned address, good for anyone; null in lists and batches: see `links.artifact`."
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

    type: ErrorType = Field(description="The stable word for it.")
    title: str = Field(description="What this kind of error is.")
    detail: str = Field(description="What happened this time.")
    retryable: bool = Field(description="Whether it was the fleet's fault, not the page's.")


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
    """The page's own facts."""

    model_config = ConfigDict(from_attributes=True)

    final_url: str | None = Field(default=None, description="Address after redirects.")
    http_status: int | None = Field(default=None, description="Status of the main document.")
    title: str | None = Field(default=None, description="The document's title.")


class LinksDocument(BaseModel):
    """Where to go from here, as paths on this server."""

    self: str
    artifact: str | None = Field(description="Null until there is one.")
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
    """A job as its owner sees it. Every field is always there; what is not known yet is null."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    id: UUID = Field(description="The job's id, a UUIDv7.")
    request: dict[str, Any] = Field(
        description="What was asked, without options that have their default. Secret options, such as `html` "
        "and `proxy`, are left out; `sealed_fields` in it has their names."
    )
    status: State = Field(description="queued, running, succeeded, failed, cancelled or expired.")
    attempt: int = Field(description="Attempts so far; 0 before the first.")
    max_attempts: int = Field(description="How often the fleet may try.")
    priority: int = Field(description="0 to 9.")
    external_id: str | None = Field(description="Your own name for the job.")
    created_at: datetime = Field(description="When it was accepted.")
    started_at: datetime | None = Field(description="When the last attempt began.")
    finished_at: datetime | None = Field(description="When it ended.")
    expires_at: datetime | None = Field(description="When it is given up if it has not ended.")
    artifact: ArtifactDocument | None
    error: ErrorDocument | None
    timings_ms: TimingsDocument | None
    memory: MemoryDocument
    page: PageDocument | None
    worker_id: UUID | None = Field(description="The worker of the last attempt.")
    browser_generation: int | None = Field(description="That worker's count of browsers at the time.")
    quarantined: bool = Field(
        description="Whether it is set aside because it killed what rendered it; `POST …/retry` runs it anew."
    )
    retry_of: UUID | None = Field(description="The job that this one runs anew.")
    schedule_id: UUID | None = Field(description="The schedule that made it.")
    scheduled_for: datetime | None = Field(description="The time of the schedule that it stands for.")
    unchanged: bool | None = Field(
        description="For a schedule that compares: whether it equals the last one; then nobody is told."
    )
    warnings: list[str] = Field(description="What the picture lacks although the job succeeded.")
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
            artifact=_artifact(job, address),
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
            links=_links(job),
        )


class JobListDocument(BaseModel):
    """A page of jobs, newest first."""

    jobs: list[JobDocument]
    next_cursor: str | None = Field(description="`cursor` of the next page; null on the last one.")


class WebhookJobDocument(JobDocument):
    """A job as a webhook tells of it: the same fields, with links that its receiver can follow."""

    links: LinksDocument | None = Field(  # type: ignore[assignment] # the API always knows its own paths
        description="Where to go from here, as addresses below API_PUBLIC_URL; null without that setting."
    )

    @classmethod
    def of_webhook(cls, job: Job, address: SignedAddress | None, *, api_url: str) -> Self:
        """The document of a job, for a receiver that has no address to read paths against.

        Args:
            job: that has ended.
            address: a presigned one of its artifact.
            api_url: the API's own; empty when it is not known.
        """
        links = _links(job, api_url.rstrip("/")) if api_url else None
        return cls.of(job, address).model_copy(update={"links": links})


class WebhookDocument(BaseModel):
    """What a webhook is sent: the body that the signature covers."""

    type: str = Field(
        description="job.succeeded, job.failed, job.cancelled or job.expired.", examples=["job.succeeded"]
    )
    timestamp: datetime = Field(description="When the job ended.")
    data: WebhookJobDocument = Field(
        description="The job; its artifact's address is made anew for each attempt."
    )


def job_path(job: Job) -> str:
    """Where the job's document is."""
    return f"/v1/jobs/{job.id}"


def _artifact(job: Job, address: SignedAddress | None) -> ArtifactDocument | None:
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


# An end without an error of its own on the row has one nevertheless.
_ENDS: Final = {State.CANCELLED: ErrorType.CANCELLED, State.EXPIRED: ErrorType.EXPIRED}


def error_of(job: Job) -> ErrorDocument | None:
    """Why a job failed, was cancelled or expired. None: it did not end so."""
    type_ = _ENDS.get(job.state) if job.error_type is None else ErrorType(job.error_type)
    if type_ is None:
        return None
    kind = type_.kind
    return ErrorDocument(
        type=type_, title=kind.title, detail=job.error_detail or kind.title, retryable=kind.retryable
    )


def _links(job: Job, api_url: str = "") -> LinksDocument:
    path = f"{api_url}{job_path(job)}"
    artifact = f"{path}/artifact" if job.artifact_key is not None else None
    return LinksDocument(self=path, artifact=artifact, events=f"{path}/events")
