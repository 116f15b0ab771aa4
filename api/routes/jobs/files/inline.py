"""The bytes of a job's artifact as the answer to the call that has made the job."""

from typing import Final

from fastapi import Request
from starlette.responses import Response

from api.dependencies import Dependencies
from api.http.accepted_media import prefers
from api.http.files.artifact_response import artifact_answer
from api.http.problems import RefusedError
from api.http.request_body import JSON
from api.routes.jobs.files.artifact import require_artifact
from fleet.jobs.document.error import error_of
from fleet.jobs.document.job import job_path
from fleet.jobs.files.artifact import artifact_disposition
from fleet.jobs.job import Job
from fleet.render.options.output import CONTENT_TYPES, Format

JOB_HEADER: Final = "Renderfleet-Job"
# What such an answer may be, besides those of enqueuing a job.
STATUSES: Final = (401, 403, 404, 409, 410, 413, 415, 422, 429, 500, 502, 503, 504)
# An artifact never changes, but the answer to a POST is kept by no cache without a word (RFC 9110, 9.3.3).
_CACHE_CONTROL: Final = "private, no-store"


def wants_bytes(request: Request, job: Job) -> bool:
    """Whether the caller would rather have what an ended job has made than its document."""
    accept = request.headers.getlist("accept")
    if not accept:
        return False
    format_ = Format(job.request.get("format", Format.PNG))
    return prefers(accept, CONTENT_TYPES[format_].partition(";")[0], to=JSON)


async def inline_answer(
    request: Request, dependencies: Dependencies, job: Job, headers: dict[str, str]
) -> Response:
    """The artifact of an ended job.

    Raises:
        RefusedError: the job has ended without one, or it was erased.
    """
    headers = {JOB_HEADER: str(job.id), **headers, "Location": job_path(job)}
    if (error := error_of(job)) is not None:
        raise RefusedError(error.type, error.detail, headers=headers)
    require_artifact(job)
    headers |= {"Cache-Control": _CACHE_CONTROL, "Content-Disposition": artifact_disposition(job)}
    return await artifact_answer(request, job, dependencies.artifacts, headers=headers)
