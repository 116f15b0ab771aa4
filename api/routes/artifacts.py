"""Artifacts: by redirect to the store, or streamed through this process."""

from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Final, cast

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import RedirectResponse, Response

from api.dependencies import (
    Dependencies,
    JobId,
    OpenDependencies,
    Parameters,
    Reader,
)
from api.openapi import READ_ARTIFACT, problems
from api.problems import RefusedError
from api.ranges import Span, UnsatisfiableRangeError, is_unmodified, requested_span
from api.streaming import StreamedResponse
from fleet.artifacts import ArtifactMissingError, artifact_filename
from fleet.errors import ErrorType
from fleet.jobs import Job

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

_CACHE_CONTROL: Final = "private, max-age=3600"  # an artifact never changes, but it may be erased

router = APIRouter(prefix="/v1/jobs", tags=["artifacts"])


class ArtifactParameters(Parameters):
    """Parameters of fetching an artifact."""

    proxy: bool = Field(
        default=False, description="Stream through this server instead of redirecting to the store."
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
    """Redirect to a presigned address of the artifact, or stream it with `proxy=true`.

    Streaming understands one Range, If-Range and If-None-Match. HEAD never redirects, since a presigned
    address is signed for GET alone.
    """
    job = await dependencies.job_of(tenant, job_id)
    _require_artifact(job)
    is_head = request.method == "HEAD"
    address = None if parameters.proxy or is_head else dependencies.sign(job)
    if address is not None:
        headers = {"Cache-Control": "private, no-store"}
        return RedirectResponse(address.url, HTTPStatus.TEMPORARY_REDIRECT, headers=headers)
    return await _proxied(request, job, dependencies, is_head=is_head)


def _require_artifact(job: Job) -> None:
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
            f"it was kept until {job.erase_at:%Y-%m-%dT%H:%M:%SZ} (retention_s); render it anew",
        )


async def _proxied(request: Request, job: Job, dependencies: Dependencies, *, is_head: bool) -> Response:
    facts = job.artifact or {}
    size, etag = int(facts["size_bytes"]), f'"{facts["sha256"]}"'
    headers = {
        "ETag": etag,
        "Accept-Ranges": "bytes",
        "Cache-Control": _CACHE_CONTROL,
        "Content-Disposition": f'inline; filename="{artifact_filename(job)}"',
    }
    if is_unmodified(request.headers, etag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    try:
        span = None if is_head else requested_span(request.headers, size=size, etag=etag)
    except UnsatisfiableRangeError:
        raise RefusedError(
            ErrorType.RANGE_NOT_SATISFIABLE,
            f"the artifact is {size:,} bytes long",
            headers={"Content-Range": f"bytes */{size}"},
        ) from None
    status = HTTPStatus.OK
    if span is not None:
        status = HTTPStatus.PARTIAL_CONTENT
        headers["Content-Range"] = f"bytes {span.first}-{span.last}/{size}"
    span = span or Span(0, size - 1)
    headers |= {"Content-Length": str(span.length), "Content-Type": facts["content_type"]}
    if is_head:
        return Response(status_code=status, headers=headers)
    chunks = dependencies.artifacts.read(job.artifact_key or "", first=span.first, last=span.last)
    try:
        return await StreamedResponse.begun(
            cast("AsyncGenerator[bytes, None]", chunks), status=status.value, headers=headers
        )
    except ArtifactMissingError:
        raise RefusedError(ErrorType.NO_ARTIFACT, "the artifact was erased") from None
