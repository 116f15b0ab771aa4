"""One call to the bytes: `POST /v1/screenshot` and `POST /v1/pdf`. Beneath lies an ordinary durable job."""

from typing import Final, Self

from fastapi import APIRouter, Request
from pydantic import model_validator
from starlette.responses import Response

from api.dependencies import Dependencies, dependencies_of
from api.http.artifact_response import artifact_answer
from api.http.prefer import preferred_wait_s
from api.http.problems import RefusedError
from api.openapi.operations import RENDER_PDF, RENDER_SCREENSHOT, problems
from api.routes.jobs.artifact import require_artifact
from api.routes.jobs.enqueue import enqueue, job_answer
from fleet.field_errors import rule_error
from fleet.jobs.artifact import artifact_disposition
from fleet.jobs.document import error_of, job_path
from fleet.jobs.job import Job
from fleet.render.link_signature import PDF, SCREENSHOT
from fleet.render.options.output import Format
from fleet.render.request import RenderRequest
from fleet.tenants.tenant import Scope

JOB_HEADER: Final = "Renderfleet-Job"
# Below the minute after which many proxies and clients give a call up.
DEFAULT_WAIT_S: Final = 55
# An artifact never changes, but the answer to a POST is kept by no cache without a word (RFC 9110, 9.3.3).
_CACHE_CONTROL: Final = "private, no-store"
_STATUSES: Final = (401, 403, 404, 409, 410, 413, 415, 422, 429, 500, 502, 503, 504)

router = APIRouter(tags=["jobs"])


class ScreenshotBody(RenderRequest):
    """What `POST /v1/screenshot` takes: a job of any format but pdf."""

    @model_validator(mode="after")
    def _is_no_pdf(self) -> Self:
        if self.format is Format.PDF:
            allowed = ", ".join(format_ for format_ in Format if format_ is not Format.PDF)
            raise rule_error("format", "is pdf: send the request to `POST /v1/pdf`", allowed=allowed)
        return self


class PdfBody(RenderRequest):
    """What `POST /v1/pdf` takes: a job whose format is pdf, said or not."""

    format: Format = Format.PDF

    @model_validator(mode="after")
    def _is_a_pdf(self) -> Self:
        if self.format is not Format.PDF:
            detail = f"is {self.format.value}: send the request to `POST /v1/screenshot`"
            raise rule_error("format", detail, allowed=Format.PDF.value)
        return self


@router.post(SCREENSHOT, openapi_extra=RENDER_SCREENSHOT, **problems(*_STATUSES))
async def render_screenshot(request: Request) -> Response:
    """Render a picture and answer with its bytes. Takes the same body as `POST /v1/jobs`.

    The job is named in `Location` and `Renderfleet-Job`. If it takes longer than `Prefer: wait=N` (55 seconds
    without it, 60 at most), the answer is 202 with the job document, and the job goes on. If it fails, the
    answer is its error as a problem document. `Idempotency-Key` and `cache_ttl_s` as in `POST /v1/jobs`.
    """
    return await _render(request, ScreenshotBody)


@router.post(PDF, openapi_extra=RENDER_PDF, **problems(*_STATUSES))
async def render_pdf(request: Request) -> Response:
    """Render a pdf and answer with its bytes. Takes the same body as `POST /v1/jobs`; `format` is pdf.

    All else as in `POST /v1/screenshot`.
    """
    return await _render(request, PdfBody)


async def _render(request: Request, body: type[RenderRequest]) -> Response:
    dependencies = dependencies_of(request)
    tenant = await dependencies.caller(request, Scope.RENDER)
    render = _as_of_a_job(await dependencies.document(request, body, tenant))
    preferred_s = preferred_wait_s(request.headers.getlist("prefer"))
    wait_s = DEFAULT_WAIT_S if preferred_s is None else preferred_s
    enqueued = await enqueue(request, dependencies, tenant, render, wait_s=wait_s)
    headers = {JOB_HEADER: str(enqueued.job.id), **enqueued.headers}
    if not enqueued.job.state.is_terminal:
        return job_answer(dependencies, enqueued.job, preferred_s, headers)
    headers["Location"] = job_path(enqueued.job)
    return await _bytes(request, dependencies, enqueued.job, headers)


def _as_of_a_job(body: RenderRequest) -> RenderRequest:
    """The request as `POST /v1/jobs` would have read it, with its format: both make the same job."""
    given = body.model_fields_set | {"format"}
    return RenderRequest.model_construct(_fields_set=given, **dict(body))


async def _bytes(request: Request, dependencies: Dependencies, job: Job, headers: dict[str, str]) -> Response:
    """The artifact of an ended job.

    Raises:
        RefusedError: the job has ended without one, or it was erased.
    """
    if (error := error_of(job)) is not None:
        raise RefusedError(error.type, error.detail, headers=headers)
    require_artifact(job)
    headers |= {
        "Cache-Control": _CACHE_CONTROL,
        "Content-Disposition": artifact_disposition(job),
    }
    return await artifact_answer(request, job, dependencies.artifacts, headers=headers)
