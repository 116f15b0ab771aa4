"""What can be done with a schedule: run it now, pause it, delete it."""

from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from api.http.path_ids import SCHEDULE, ScheduleId
from api.http.problems import not_found
from api.routes.jobs.create.enqueue import hand_over
from api.routes.schedules import accept_run
from api.ui.dashboard_page import ROOT
from api.ui.pages.schedules.schedule import schedule_of
from api.ui.viewer import Rendering, Viewer
from fleet.errors import InvalidRequestError
from fleet.schedules import schedule as schedules

_LIST: Final = f"{ROOT}/schedules"

router = APIRouter(prefix=f"{_LIST}/{{schedule_id}}")


@router.post("/run")
async def run_schedule(viewer: Rendering, schedule_id: ScheduleId) -> Response:
    """Make a job of it now, and show it."""
    try:
        accepted = await accept_run(viewer.dependencies, viewer.tenant, schedule_id)
    except InvalidRequestError as error:
        said = f"Nothing was done: {error.detail}"
        return viewer.back(f"{_LIST}/{schedule_id}", said, is_failure=True)
    job = await hand_over(viewer.request, viewer.dependencies, viewer.tenant, accepted, wait_s=None)
    viewer.audit("schedule run", schedule_id=str(schedule_id), job_id=str(job.id))
    return viewer.back(f"{ROOT}/jobs/{job.id}", "The schedule runs now. Its times stay as they are.")


@router.post("/pause")
async def pause_schedule(viewer: Rendering, schedule_id: ScheduleId) -> Response:
    """Let it make no jobs."""
    return await _switch(viewer, schedule_id, enabled=False)


@router.post("/resume")
async def resume_schedule(viewer: Rendering, schedule_id: ScheduleId) -> Response:
    """Let it make jobs from its next time on."""
    return await _switch(viewer, schedule_id, enabled=True)


@router.get("/delete")
async def ask_before_delete(viewer: Rendering, schedule_id: ScheduleId) -> Response:
    """The question."""
    schedule = await schedule_of(viewer, schedule_id)
    page = f"{_LIST}/{schedule_id}"
    return viewer.page(
        "pages/jobs/sure.html",
        question=f"Delete the schedule {schedule.name or schedule_id}?",
        yes="Yes, delete it",
        consequence="It makes no more jobs and cannot be brought back. The jobs that it has made stay, with "
        "their pictures, as long as others.",
        rest="To stop it only for a while, pause it.",
        fields=[],
        action="delete",
        to=f"{page}/delete",
        back=page,
    )


@router.post("/delete")
async def delete_shown_schedule(viewer: Rendering, schedule_id: ScheduleId) -> Response:
    """Delete it."""
    is_there = await schedules.delete(
        viewer.dependencies.database, schedule_id=schedule_id, tenant_id=viewer.tenant.id
    )
    if not is_there:
        raise not_found(SCHEDULE)
    viewer.audit("schedule deleted", schedule_id=str(schedule_id))
    return viewer.back(_LIST, "The schedule is deleted.")


async def _switch(viewer: Viewer, schedule_id: ScheduleId, *, enabled: bool) -> Response:
    found = await schedules.switch(
        viewer.dependencies.database, schedule_id=schedule_id, tenant_id=viewer.tenant.id, enabled=enabled
    )
    if found is None:
        raise not_found(SCHEDULE)
    viewer.audit("schedule resumed" if enabled else "schedule paused", schedule_id=str(schedule_id))
    said = (
        "It makes jobs again, from its next time on." if enabled else "It makes no jobs until you resume it."
    )
    return viewer.back(f"{_LIST}/{schedule_id}", said)
