"""Artifacts: a redirect to the store, the file itself, or erasing it before its retention is over."""

from http import HTTPStatus
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import RedirectResponse, Response

from api.dependencies import Dependencies, OpenDependencies, Parameters, Reader, Renderer
from api.http.files.artifact_response import artifact_answer
from api.http.json_answer import json_answer
from api.http.path_ids import JOB, JobId
from api.http.problems import RefusedError, not_found
from api.openapi.operations.files import READ_ARTIFACT
from api.openapi.operations.parts import problems
from fleet.errors import ErrorType
from fleet.jobs.document.job import JobDocument
from fleet.jobs.erase import erase_artifact
from fleet.jobs.files.artifact import artifact_disposition
from fleet.jobs.job import Job
from fleet.telemetry.logs import get_logger
from fleet.tenants.tenant import Tenant

CACHE_CONTROL: Final = "private, max-age=3600"  # an artifact never changes, but it may be erased

log = get_logger(__name__)
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
        "Cache-Control": CACHE_CONTROL,
        "Content-Disposition": artifact_disposition(job),
    }
    return await artifact_answer(request, job, dependencies.artifacts, headers=headers)


@router.delete("/{job_id}/artifact", response_model=JobDocument, **problems(401, 403, 404, 409, 422, 503))
async def erase_job_artifact(job_id: JobId, tenant: Renderer, dependencies: OpenDependencies) -> Response:
    """Erase an artifact now, with the evidence and what its page was made of. The job stays, as the answer.

    When this answers, the store has no file of the job any more, and its presigned addresses lead nowhere.
    Reading it is 410, a signed link or `cache_ttl_s` renders anew. Browsers and caches in between keep what
    they have. Erasing again changes nothing.
    """
    return json_answer(JobDocument.of(await erase_now(dependencies, tenant, job_id)))


async def erase_now(dependencies: Dependencies, tenant: Tenant, job_id: UUID) -> Job:
    """Erase the files of an ended job; the job as it is then.

    Raises:
        RefusedError: there is no such job, it has not ended, or has no file.
        UnavailableError: Postgres or the store does not answer.
    """
    job = await erase_artifact(
        dependencies.database,
        job_id=job_id,
        tenant_id=tenant.id,
        may_erase=_require_file,
        delete=dependencies.artifacts.delete_many,
    )
    if job is None:
        raise not_found(JOB)
    log.info("artifact erased by a call", job_id=str(job_id), by_key_id=tenant.key_id)
    return job


def _require_file(job: Job) -> None:
    """Do nothing if a job has ended with a file that may be erased: also a failed one may have evidence.

    Raises:
        RefusedError: as `require_made`.
    """
    if not job.state.is_terminal or job.evidence is None:
        require_made(job)


def require_made(job: Job) -> None:
    """Do nothing if a job has ended with an artifact, which may be erased by now.

    Raises:
        RefusedError: the job has not ended, or has no artifact.
    """
    if not job.state.is_terminal:
        raise RefusedError(
            ErrorType.JOB_NOT_FINISHED,
            f"the job is {job.state.value}; wait with GET /v1/jobs/{job.id}?wait=60",
        )
    if job.artifact_key is None or job.artifact is None:
        reason = f": {job.error_type}" if job.error_type else ""
        raise RefusedError(ErrorType.NO_ARTIFACT, f"the job ended as {job.state.value}{reason}")


def require_artifact(job: Job) -> None:
    """Do nothing if a job's artifact is there to be read.

    Raises:
        RefusedError: the job has not ended, has no artifact, or its artifact was erased.
    """
    require_made(job)
    require_kept(job)


def require_kept(job: Job) -> None:
    """Do nothing if the files of an ended job are not erased.

    Raises:
        RefusedError: they are.
    """
    if job.is_erased_early:
        detail = f"a call erased it at {job.artifact_erased_at:%Y-%m-%dT%H:%M:%SZ}; render it again"
        raise RefusedError(ErrorType.ARTIFACT_EXPIRED, detail)
    if job.artifact_erased_at is not None:
        raise RefusedError(
            ErrorType.ARTIFACT_EXPIRED,
            f"it was kept until {job.erase_at:%Y-%m-%dT%H:%M:%SZ} (retention_s); render it again",
        )
