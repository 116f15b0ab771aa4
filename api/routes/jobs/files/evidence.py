"""The evidence of a job: a redirect to the store, or the zip file itself."""

from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from api.dependencies import OpenDependencies, Reader
from api.http.files.artifact_response import StoredFile, file_answer
from api.http.path_ids import JobId
from api.http.problems import RefusedError
from api.openapi.operations.files import READ_ARTIFACT
from api.openapi.operations.parts import problems
from api.routes.jobs.files.artifact import CACHE_CONTROL, ArtifactParameters, require_kept
from fleet.errors import ErrorType
from fleet.jobs.facts import EvidenceFacts
from fleet.jobs.files.evidence import CONTENT_TYPE, evidence_disposition, signed_evidence
from fleet.jobs.job import Job

_ZIP: Final = {CONTENT_TYPE: {"schema": {"type": "string", "format": "binary"}}}
READ_EVIDENCE: Final[dict[str, Any]] = {
    "responses": READ_ARTIFACT["responses"]
    | {
        "200": {"description": "The whole file (`proxy=true`).", "content": _ZIP},
        "206": {"description": "The part that Range asks for.", "content": _ZIP},
    }
}

router = APIRouter(prefix="/v1/jobs", tags=["artifacts"])


@router.head("/{job_id}/evidence", include_in_schema=False)
@router.get(
    "/{job_id}/evidence", openapi_extra=READ_EVIDENCE, **problems(401, 403, 404, 409, 410, 416, 422, 503)
)
async def read_evidence(
    request: Request,
    job_id: JobId,
    tenant: Reader,
    dependencies: OpenDependencies,
    parameters: Annotated[ArtifactParameters, Query()],
) -> Response:
    """Redirect to a presigned address of the evidence, a zip file. With `proxy=true`, answer with the file.

    A job has it if its request had `evidence`, also a job that has failed. Ranges and HEAD as for artifacts.
    """
    job = await dependencies.job_of(tenant, job_id)
    facts = _required(job)
    is_direct = parameters.proxy or request.method == "HEAD"
    address = None if is_direct else signed_evidence(dependencies.artifacts, job)
    if address is not None:
        return RedirectResponse(
            address.url, HTTPStatus.TEMPORARY_REDIRECT, headers={"Cache-Control": "private, no-store"}
        )
    headers = {"Cache-Control": CACHE_CONTROL, "Content-Disposition": evidence_disposition(job)}
    file = StoredFile(
        facts.key, CONTENT_TYPE, facts.size_bytes, facts.sha256, "evidence", missing=ErrorType.NO_EVIDENCE
    )
    return await file_answer(request, file, dependencies.artifacts, headers=headers)


def _required(job: Job) -> EvidenceFacts:
    """The evidence of a job, if it is there to be read.

    Raises:
        RefusedError: the job has not ended, has none, or it was erased.
    """
    if not job.state.is_terminal:
        raise RefusedError(
            ErrorType.JOB_NOT_FINISHED,
            f"the job is {job.state.value}; wait with GET /v1/jobs/{job.id}?wait=60",
        )
    if job.evidence is None:
        asked = "could not be made: see `warnings`" if "evidence" in job.request else "was not asked for"
        raise RefusedError(ErrorType.NO_EVIDENCE, f"the evidence {asked}")
    require_kept(job)
    return job.evidence
