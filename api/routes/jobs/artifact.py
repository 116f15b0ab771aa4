"""Artifacts: a redirect to the store, or the file itself."""

from http import HTTPStatus
from typing import Annotated, Final

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import RedirectResponse, Response

from api.dependencies import OpenDependencies, Parameters, Reader
from api.http.artifact_response import artifact_answer
from api.http.path_ids import JobId
from api.http.problems import RefusedError
from api.openapi.operations import READ_ARTIFACT, problems
from fleet.errors import ErrorType
from fleet.jobs.artifact import artifact_disposition
from fleet.jobs.job import Job

_CACHE_CONTROL: Final = "private, max-age=3600"  # an artifact never changes, but it may be erased

router = APIRouter(prefix="/v1/jobs", tags=["artifacts"])


class ArtifactParameters(Parameters):
    """The parameters of reading an artifact."""

    proxy: bool = Field(
        default=False, description="Answer with the file itself instead of a redirect to the store."
    )


@router.head("/{job_id}/artifact", include_in_schema=False)
@router.get(
    "/{job_id}/artifact", openapi_extra=READ_ARTIFACT, **problems(401, 403, 404, 409, 410, 416, 422, 503)
)
async def read_artifact(
    request: Request,
    job_id: JobId,
    tenant: Reader,
    dependencies: OpenDependencies,
    parameters: Annotated[ArtifactParameters, Query()],
) -> Response:
    """Redirect to a presigned address of the artifact. With `proxy=true`, answer with the file itself.

    The file can be asked for with one Range, If-Range and If-None-Match. HEAD never redirects, because a
    presigned address works only for GET.
    """
    job = await dependencies.job_of(tenant, job_id)
    require_artifact(job)
    address = None if parameters.proxy or request.method == "HEAD" else dependencies.sign(job)
    if address is not None:
        return RedirectResponse(
            address.url, HTTPStatus.TEMPORARY_REDIRECT, headers={"Cache-Control": "private, no-store"}
        )
    headers = {
        "Cache-Control": _CACHE_CONTROL,
        "Content-Disposition": artifact_disposition(job),
    }
    return await artifact_answer(request, job, dependencies.artifacts, headers=headers)


def require_artifact(job: Job) -> None:
    """Do nothing if a job's artifact is there to be read.

    Raises:
        RefusedError: the job has not ended, has no artifact, or its artifact was erased.
    """
    if not job.state.is_terminal:
        raise RefusedError(
            ErrorType.JOB_NOT_FINISHED,
            f"the job is {job.state.value}; wait with GET /v1/jobs/{job.id}?wait=60",
        )
    if job.artifact_key is None or job.artifact is None:
        reason = f": {job.error_type}" if job.error_type else ""
        raise RefusedError(ErrorType.NO_ARTIFACT, f"the job ended as {job.state.value}{reason}")
    if job.artifact_erased_at is not None:
        raise RefusedError(
            ErrorType.ARTIFACT_EXPIRED,
            f"it was kept until {job.erase_at:%Y-%m-%dT%H:%M:%SZ} (retention_s); render it again",
        )
