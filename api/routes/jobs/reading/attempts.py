"""The attempts of a job: where and when each ran, and how it ended."""

from datetime import datetime, timedelta
from typing import Any, Final, Self
from uuid import UUID

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from api.dependencies import OpenDependencies, Reader
from api.http.json_answer import json_answer
from api.http.path_ids import JobId
from api.openapi.operations.parts import problems
from fleet.jobs.attempts.history import MOST_SHOWN, AttemptEnd, AttemptRecord, attempts_of
from fleet.jobs.document.error import ErrorDocument

_MILLISECOND: Final = timedelta(milliseconds=1)

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])


class RenderAttemptDocument(BaseModel):
    """One attempt to render a job."""

    attempt: int = Field(description="Its number, from 1.")
    outcome: AttemptEnd | None = Field(
        description="succeeded, failed, cancelled or expired: it ended the job. retried, handed_back (its "
        "worker stopped) or lost (its worker disappeared): the job was queued again, or failed because it "
        "was lost too often. null: it runs."
    )
    worker_id: UUID = Field(description="The worker that ran it.")
    browser_generation: int | None = Field(
        description="The number of that worker's browser; null if the attempt did not end the job."
    )
    started_at: datetime = Field(description="When it began.")
    finished_at: datetime | None = Field(description="When it ended; null while it runs.")
    duration_ms: float | None = Field(description="The time in between; null while it runs.")
    error: ErrorDocument | None = Field(description="Why it failed; null if it did not.")

    @classmethod
    def of(cls, record: AttemptRecord) -> Self:
        """The document of an attempt."""
        ended = record.finished_at
        return cls(
            attempt=record.attempt,
            outcome=record.outcome,
            worker_id=record.worker_id,
            browser_generation=record.browser_generation,
            started_at=record.started_at,
            finished_at=ended,
            duration_ms=None if ended is None else round((ended - record.started_at) / _MILLISECOND, 1),
            error=_error_of(record),
        )


_EXAMPLE: Final[dict[str, Any]] = {
    "attempts": [
        {
            "attempt": 1,
            "outcome": "lost",
            "worker_id": "0198c1d1-7777-7000-8000-000000000007",
            "browser_generation": None,
            "started_at": "2026-01-31T12:00:00.107934Z",
            "finished_at": "2026-01-31T12:00:31.401502Z",
            "duration_ms": 31293.6,
            "error": {
                "type": "worker_lost",
                "title": "The worker disappeared during the attempt",
                "detail": "the worker disappeared during the attempt",
                "retryable": True,
            },
        },
        {
            "attempt": 2,
            "outcome": "succeeded",
            "worker_id": "0198c1d1-8888-7000-8000-000000000008",
            "browser_generation": 2,
            "started_at": "2026-01-31T12:00:31.412007Z",
            "finished_at": "2026-01-31T12:00:31.809881Z",
            "duration_ms": 397.9,
            "error": None,
        },
    ]
}


class RenderAttemptsDocument(BaseModel):
    """The attempts of a job."""

    model_config = ConfigDict(json_schema_extra={"examples": [_EXAMPLE]})

    attempts: list[RenderAttemptDocument] = Field(
        description=f"The newest {MOST_SHOWN} attempts, oldest first."
    )


@router.get("/{job_id}/attempts", response_model=RenderAttemptsDocument, **problems(401, 403, 404, 422, 503))
async def list_attempts(job_id: JobId, tenant: Reader, dependencies: OpenDependencies) -> Response:
    """List the attempts of a job: worker, times, error. The list is empty before the first one."""
    await dependencies.job_of(tenant, job_id)
    records = await attempts_of(dependencies.database, job_id)
    return json_answer(
        RenderAttemptsDocument(attempts=[RenderAttemptDocument.of(record) for record in records])
    )


def _error_of(record: AttemptRecord) -> ErrorDocument | None:
    if record.error_type is None:
        return None
    kind = record.error_type.kind
    return ErrorDocument(
        type=record.error_type,
        title=kind.title,
        detail=record.error_detail or kind.title,
        retryable=kind.retryable,
    )
