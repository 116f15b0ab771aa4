"""Comparing the pictures of two jobs."""

from http import HTTPStatus

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from api.dependencies import OpenDependencies, Reader, Renderer
from api.http.json_answer import json_answer
from api.http.path_ids import JobId
from api.http.problems import RefusedError, refused_field
from api.jobs.comparisons import Pair
from api.openapi.operations.files import COMPARE_JOBS, READ_DIFFERENCE
from api.openapi.operations.parts import problems
from api.routes.jobs.files.artifact import require_artifact
from fleet.comparisons.document import ComparisonDocument
from fleet.comparisons.request import CompareRequest
from fleet.errors import ErrorType
from fleet.jobs.job import Job
from fleet.jobs.read import get

router = APIRouter(prefix="/v1/jobs", tags=["artifacts"])


@router.post(
    "/{job_id}/compare",
    response_model=ComparisonDocument,
    openapi_extra=COMPARE_JOBS,
    **problems(401, 403, 404, 409, 410, 413, 415, 422, 503),
)
async def compare_jobs(
    request: Request, job_id: JobId, tenant: Renderer, dependencies: OpenDependencies
) -> Response:
    """How the picture of this job differs from that of the job `with`.

    The difference picture is erased with the artifact of either job. Until then, the same
    question is not computed again.
    """
    asked = await dependencies.document(request, CompareRequest, tenant)
    other = await dependencies.job_of(tenant, job_id)
    if asked.with_ == job_id:
        raise refused_field("with", "is this job itself", allowed="another job's id")
    one = await get(dependencies.database, job_id=asked.with_, tenant_id=tenant.id)
    if one is None:
        raise RefusedError(ErrorType.NOT_FOUND, "`with`: you have no job with this id")
    _require_both(one, other)
    document = await dependencies.comparisons.compare(Pair(one, other), asked, tenant_id=tenant.id)
    return json_answer(document)


@router.get(
    "/{job_id}/difference", openapi_extra=READ_DIFFERENCE, **problems(401, 403, 404, 409, 410, 422, 503)
)
async def read_difference(job_id: JobId, tenant: Reader, dependencies: OpenDependencies) -> Response:
    """Redirect to a presigned address of the difference picture of a job of a schedule.

    It shows how the job's picture differs from the last one that was delivered, if it does.
    """
    job = await dependencies.job_of(tenant, job_id)
    require_artifact(job)
    key = (job.comparison or {}).get("difference_key")
    if key is None:
        raise RefusedError(ErrorType.NO_ARTIFACT, "no difference picture was made for this job")
    address = dependencies.comparisons.sign(key)
    return RedirectResponse(
        address.url, HTTPStatus.TEMPORARY_REDIRECT, headers={"Cache-Control": "private, no-store"}
    )


def _require_both(one: Job, other: Job) -> None:
    """Do nothing if both artifacts are there.

    Raises:
        RefusedError: one is not; the sentence says which.
    """
    require_artifact(other)
    try:
        require_artifact(one)
    except RefusedError as error:
        raise RefusedError(error.type, f"`with`: {error.detail}") from None
