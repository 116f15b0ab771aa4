"""What can be done with one job: render again, cancel, erase its files."""

from dataclasses import dataclass
from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from api.http.path_ids import JobId
from api.routes.jobs.files.artifact import erase_now
from api.routes.jobs.jobs import cancel_now
from api.ui.dashboard_page import ROOT
from api.ui.pages.job.again import render_again
from api.ui.viewer import Rendering, Viewer
from fleet.errors import InvalidRequestError

_JOBS: Final = f"{ROOT}/jobs"

router = APIRouter(prefix=f"{_JOBS}/{{job_id}}")


@dataclass(frozen=True, slots=True)
class _Question:
    """What is asked before something that cannot be undone."""

    question: str
    yes: str
    consequence: str


_CANCEL: Final = _Question(
    "Cancel this job?",
    "Yes, cancel it",
    "If it runs, it is stopped. A cancelled job stays cancelled; it can be rendered again as a new job.",
)
_ERASE: Final = _Question(
    "Erase the files of this job?",
    "Yes, erase them",
    "The picture or document and the evidence are gone then and cannot be brought back. The job stays.",
)


@router.get("/cancel")
async def ask_before_cancel(viewer: Rendering, job_id: JobId) -> Response:
    """The question."""
    return _ask(viewer, job_id, "cancel", _CANCEL)


@router.get("/erase")
async def ask_before_erase(viewer: Rendering, job_id: JobId) -> Response:
    """The question."""
    return _ask(viewer, job_id, "erase", _ERASE)


@router.post("/cancel")
async def cancel_shown_job(viewer: Rendering, job_id: JobId) -> Response:
    """Cancel it."""
    try:
        job = await cancel_now(viewer.dependencies, viewer.tenant, job_id)
    except InvalidRequestError as error:
        return _refused(viewer, job_id, error)
    viewer.audit("job cancelled", job_id=str(job_id))
    said = "The job is cancelled." if job.state.is_terminal else "The job is being stopped."
    return viewer.back(f"{_JOBS}/{job_id}", said)


@router.post("/erase")
async def erase_shown_job(viewer: Rendering, job_id: JobId) -> Response:
    """Erase its files."""
    try:
        await erase_now(viewer.dependencies, viewer.tenant, job_id)
    except InvalidRequestError as error:
        return _refused(viewer, job_id, error)
    viewer.audit("files of a job erased", job_id=str(job_id))
    return viewer.back(f"{_JOBS}/{job_id}", "Its files are erased.")


@router.post("/again")
async def repeat_shown_job(viewer: Rendering, job_id: JobId) -> Response:
    """Render it again, and show the new job."""
    job = await viewer.dependencies.job_of(viewer.tenant, job_id)
    try:
        new = await render_again(viewer.request, viewer.dependencies, viewer.tenant, job)
    except InvalidRequestError as error:
        return _refused(viewer, job_id, error)
    viewer.audit("job rendered again", job_id=str(job_id), new_job_id=str(new.id))
    return viewer.back(f"{_JOBS}/{new.id}", "This is a new job with the same request.")


def _ask(viewer: Viewer, job_id: JobId, action: str, asked: _Question) -> Response:
    page = f"{_JOBS}/{job_id}"
    return viewer.page(
        "pages/jobs/sure.html",
        question=asked.question,
        yes=asked.yes,
        consequence=asked.consequence,
        rest="",
        fields=[],
        action=action,
        to=f"{page}/{action}",
        back=page,
    )


def _refused(viewer: Viewer, job_id: JobId, error: InvalidRequestError) -> Response:
    """The page of the job again, which says why nothing was done."""
    return viewer.back(f"{_JOBS}/{job_id}", f"Nothing was done: {error.detail}", is_failure=True)
