"""Jobs and what belongs to them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from renderfleet.models.comparisons import PictureComparison
from renderfleet.models.document import Document

ENDED: Final = frozenset({"succeeded", "failed", "cancelled", "expired"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Artifact(Document):
    """The picture or document that a job has made. `docs/jobs.md` says what each field means."""

    status: str
    expires_at: datetime | None
    key: str
    url: str | None
    url_expires_at: datetime | None
    content_type: str
    size_bytes: int
    sha256: str
    width_px: int | None
    height_px: int | None
    pages: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence(Document):
    """The zip file that tells how a result, or a failure, came about."""

    status: str
    expires_at: datetime | None
    key: str
    url: str | None
    url_expires_at: datetime | None
    size_bytes: int
    sha256: str
    requests: int
    bodies: bool
    left_out: tuple[str, ...]
    replayable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class JobError(Document):
    """Why a job, or an attempt, failed."""

    type: str
    title: str
    detail: str
    retryable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Timings(Document):
    """Milliseconds that each stage of the last attempt took; None: not reached."""

    queued: float | None
    context: float | None
    navigation: float | None
    readiness: float | None
    capture: float | None
    upload: float | None
    total: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory(Document):
    """Memory of the render in bytes."""

    peak_bytes: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page(Document):
    """Facts about the page that was rendered."""

    final_url: str | None
    http_status: int | None
    title: str | None
    language: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocked(Document):
    """What was kept out of the page."""

    ads: int
    trackers: int
    banners: int
    banners_refused: int
    popups: int
    requests: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class FailedRequest(Document):
    """A part of the page that did not come."""

    url: str
    status: int | None
    error: str | None
    type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict(Document):
    """What the result is worth: 1 is good, below 0.5 a person would call it bad."""

    score: float
    reasons: tuple[str, ...]
    blank_share: float | None
    is_blank: bool
    is_error_page: bool
    blocked_by_bot_wall: bool
    failed_requests: tuple[FailedRequest, ...]
    missing_images: int
    pending_images: int
    missing_fonts: tuple[str, ...]
    fallback_used: bool
    cut_height: int
    console_errors: int


@dataclass(frozen=True, slots=True, kw_only=True)
class JobLinks(Document):
    """Related calls, as paths on the server."""

    self: str
    artifact: str | None
    evidence: str | None
    events: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Job(Document):
    """A job as its owner sees it."""

    id: str
    request: Mapping[str, Any]
    status: str
    attempt: int
    max_attempts: int
    priority: int
    external_id: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    expires_at: datetime | None
    artifact: Artifact | None
    evidence: Evidence | None
    error: JobError | None
    timings_ms: Timings | None
    memory: Memory
    page: Page | None
    blocked: Blocked | None
    verdict: Verdict | None
    worker_id: str | None
    browser_generation: int | None
    quarantined: bool
    retry_of: str | None
    replay_of: str | None
    schedule_id: str | None
    scheduled_for: datetime | None
    unchanged: bool | None
    comparison: PictureComparison | None
    warnings: tuple[str, ...]
    links: JobLinks | None

    @property
    def has_ended(self) -> bool:
        """Whether nothing more happens to it."""
        return self.status in ENDED

    @property
    def has_succeeded(self) -> bool:
        """Whether there is, or was, an artifact."""
        return self.status == "succeeded"

    @property
    def source(self) -> str:
        """What it renders, in one word: the address, or `html`, `markdown`, `template`, `files`."""
        if url := self.request.get("url"):
            return str(url)
        return next((name for name in self.request.get("sealed_fields", ()) if name in _SOURCES), "")


_SOURCES: Final = frozenset({"html", "markdown", "template", "files"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt(Document):
    """One attempt to render a job."""

    attempt: int
    outcome: str | None
    worker_id: str
    browser_generation: int | None
    started_at: datetime
    finished_at: datetime | None
    duration_ms: float | None
    error: JobError | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldError(Document):
    """A field of a request that is not valid."""

    field: str | None
    message: str
    allowed: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem(Document):
    """A problem document (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    request_id: str
    errors: tuple[FieldError, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchItem(Document):
    """What became of one request of a batch: `job` or `error`."""

    status: int
    job: Job | None
    error: Problem | None
