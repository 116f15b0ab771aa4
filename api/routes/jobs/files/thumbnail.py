"""A small picture of an artifact, for lists and galleries."""

from http import HTTPStatus
from typing import Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import Response

from api.dependencies import OpenDependencies, Parameters, Reader
from api.http.files.byte_ranges import is_unmodified
from api.http.path_ids import JobId
from api.jobs.thumbnails import CONTENT_TYPE
from api.openapi.operations.parts import problems
from api.routes.jobs.files.artifact import CACHE_CONTROL, require_artifact

DEFAULT_WIDTH_PX: Final = 480
READ_THUMBNAIL: Final[dict[str, Any]] = {
    "responses": {
        "200": {
            "description": "The small picture.",
            "content": {CONTENT_TYPE: {"schema": {"type": "string", "format": "binary"}}},
        },
        "304": {"description": "If-None-Match names this small picture."},
    }
}

router = APIRouter(prefix="/v1/jobs", tags=["artifacts"])


class ThumbnailParameters(Parameters):
    """The parameters of reading a small picture."""

    width_px: int = Field(
        default=DEFAULT_WIDTH_PX,
        ge=16,
        le=1024,
        description="Its width, unless the picture itself is narrower.",
        examples=[320],
    )


@router.get(
    "/{job_id}/thumbnail", openapi_extra=READ_THUMBNAIL, **problems(401, 403, 404, 409, 410, 422, 503)
)
async def read_thumbnail(
    request: Request,
    job_id: JobId,
    tenant: Reader,
    dependencies: OpenDependencies,
    parameters: Annotated[ThumbnailParameters, Query()],
) -> Response:
    """A small WebP of a png, jpeg, webp or avif; of a picture higher than twice its width only the top.

    It is made for the first who asks; in the widths 320 and 480 it is kept with the artifact, in others made
    anew for each call. `ETag` and `If-None-Match` work. There is none of other formats, and of pictures of
    more than 20 million pixels (webp and avif: 8 million).
    """
    job = await dependencies.job_of(tenant, job_id)
    require_artifact(job)
    assert job.artifact is not None, "it was required"  # noqa: S101
    etag = f'"{job.artifact.sha256}-{parameters.width_px}"'
    headers = {"ETag": etag, "Cache-Control": CACHE_CONTROL}
    if is_unmodified(request.headers, etag):
        return Response(status_code=HTTPStatus.NOT_MODIFIED, headers=headers)
    made = await dependencies.thumbnails.of(job, width=parameters.width_px)
    return Response(made, media_type=CONTENT_TYPE, headers=headers)
