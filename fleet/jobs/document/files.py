"""What is told of the files of a job: where they are, how large, and until when."""

from datetime import datetime
from enum import StrEnum

from pydantic import BaseModel, Field

from fleet.artifacts.keys import SignedAddress
from fleet.jobs.files.evidence import replay_problem
from fleet.jobs.job import Job


class ArtifactStatus(StrEnum):
    """Whether the artifact's file still exists."""

    STORED = "stored"
    EXPIRED = "expired"
    ERASED = "erased"


class ArtifactDocument(BaseModel):
    """The picture or document that was stored."""

    status: ArtifactStatus = Field(
        description="stored; expired: erased because `retention_s` is over; erased: a call erased it before."
    )
    expires_at: datetime | None = Field(description="When it is erased, or was.")

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


class EvidenceDocument(BaseModel):
    """The zip file that tells how the result, or the failure, came about."""

    status: ArtifactStatus = Field(description="As that of an artifact: both are erased together.")
    expires_at: datetime | None = Field(description="When it is erased, or was.")
    key: str = Field(description="Its key in the S3 bucket.")
    url: str | None = Field(
        description="Presigned address: needs no API key. Null in lists, batches, events and webhooks: see "
        "`links.evidence`."
    )
    url_expires_at: datetime | None = Field(description="When `url` stops working.")
    size_bytes: int = Field(description="Length in bytes.")
    sha256: str = Field(description="SHA-256 of the bytes, in hexadecimal.")
    requests: int = Field(description="How many requests of the page it tells of.")
    bodies: bool = Field(description="Whether `evidence.bodies` was asked for.")
    left_out: list[str] = Field(description="What it lacks, and why.")
    replayable: bool = Field(
        description="Whether `POST …/retry` with `replay` can render from it: it has all requests and bodies."
    )


def artifact_document(job: Job, address: SignedAddress | None) -> ArtifactDocument | None:
    """The artifact of a job. None: it has none."""
    facts = job.artifact
    if job.artifact_key is None or facts is None:
        return None
    return ArtifactDocument(
        status=_artifact_status(job),
        expires_at=_expires_at(job),
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


def evidence_document(job: Job, address: SignedAddress | None) -> EvidenceDocument | None:
    """The evidence of a job. None: it has none."""
    facts = job.evidence
    if facts is None:
        return None
    return EvidenceDocument(
        status=_artifact_status(job),
        expires_at=_expires_at(job),
        key=facts.key,
        url=address.url if address else None,
        url_expires_at=address.expires_at if address else None,
        size_bytes=facts.size_bytes,
        sha256=facts.sha256,
        requests=facts.requests,
        bodies=facts.bodies,
        left_out=facts.left_out,
        replayable=replay_problem(job) is None,
    )


def _expires_at(job: Job) -> datetime | None:
    return job.artifact_erased_at if job.is_erased_early else job.erase_at


def _artifact_status(job: Job) -> ArtifactStatus:
    if job.artifact_erased_at is None:
        return ArtifactStatus.STORED
    return ArtifactStatus.ERASED if job.is_erased_early else ArtifactStatus.EXPIRED
