"""`POST /v1/screenshot` and `POST /v1/pdf`: calls that answer with the file. They make ordinary jobs."""

from typing import Final, Self

from fastapi import APIRouter, Request
from pydantic import model_validator
from starlette.responses import Response

from api.dependencies import dependencies_of
from api.http.prefer import preferred_wait_s
from api.openapi.operations.files import RENDER_PDF, RENDER_SCREENSHOT
from api.openapi.operations.parts import problems
from api.routes.jobs.create.asked import enqueue_asked
from api.routes.jobs.create.enqueue import job_answer
from api.routes.jobs.files.inline import JOB_HEADER, STATUSES, inline_answer
from fleet.input.field_errors import rule_error
from fleet.render.link_signature import PDF, SCREENSHOT
from fleet.render.options.output import Format
from fleet.render.request import RenderRequest
from fleet.tenants.tenant import Scope

# Below the minute after which many proxies and clients give a call up.
DEFAULT_WAIT_S: Final = 55

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


@router.post(SCREENSHOT, openapi_extra=RENDER_SCREENSHOT, **problems(*STATUSES))
async def render_screenshot(request: Request) -> Response:
    """Render a picture and answer with its bytes. Takes the same body as `POST /v1/jobs`.

    The job is named in `Location` and `Renderfleet-Job`. If it takes longer than `Prefer: wait=N` (55 seconds
    without it, 60 at most), the answer is 202 with the job document, and the job goes on. If it fails, the
    answer is its error as a problem document. `Idempotency-Key` and `cache_ttl_s` as in `POST /v1/jobs`.
    """
    return await _render(request, ScreenshotBody)


@router.post(PDF, openapi_extra=RENDER_PDF, **problems(*STATUSES))
async def render_pdf(request: Request) -> Response:
    """Render a pdf and answer with its bytes. Takes the same body as `POST /v1/jobs`; `format` is pdf.

    All else as in `POST /v1/screenshot`.
    """
    return await _render(request, PdfBody)


async def _render(request: Request, body: type[RenderRequest]) -> Response:
    dependencies = dependencies_of(request)
    tenant = await dependencies.caller(request, Scope.RENDER)
    preferred_s = preferred_wait_s(request.headers.getlist("prefer"))
    wait_s = DEFAULT_WAIT_S if preferred_s is None else preferred_s
    enqueued = await enqueue_asked(request, dependencies, tenant, body, wait_s=wait_s, as_job=_as_of_a_job)
    if enqueued.job.state.is_terminal:
        return await inline_answer(request, dependencies, enqueued.job, enqueued.headers)
    headers = {JOB_HEADER: str(enqueued.job.id), **enqueued.headers}
    return job_answer(dependencies, enqueued.job, preferred_s, headers)


def _as_of_a_job(body: RenderRequest) -> RenderRequest:
    """The request as `POST /v1/jobs` would have read it, with its format: both make the same job."""
    given = body.model_fields_set | {"format"}
    return RenderRequest.model_construct(_fields_set=given, **dict(body))
