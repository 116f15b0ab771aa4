"""What can be done with a schedule: run it now, pause it, delete it."""

from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from api.http.path_ids import SCHEDULE, ScheduleId
from api.http.problems import not_found, refused_input
from api.routes.jobs.create.own_pdfs import require_own_pdfs
from api.ui.dashboard_page import ROOT
from api.ui.pages.schedules.schedule import schedule_of
from api.ui.viewer import Rendering, Viewer
from fleet.errors import InvalidRequestError
from fleet.jobs.job import Job
from fleet.render.request import RenderRequest
from fleet.render.stored import StoredRequestError, read_stored
from fleet.schedules import schedule as schedules
from fleet.schedules.run_now import find_template, run_now
from fleet.telemetry.metrics.of_api import JOBS_ACCEPTED
from fleet.vault import Purpose, SecretOwner

_LIST: Final = f"{ROOT}/schedules"

router = APIRouter(prefix=f"{_LIST}/{{schedule_id}}")


@router.post("/run")
async def run_schedule(viewer: Rendering, schedule_id: ScheduleId) -> Response:
    """Make a job of it now, and show it."""
    try:
        job = await _run(viewer, schedule_id)
    except InvalidRequestError as error:
        said = f"Nothing was done: {error.detail}"
        return viewer.back(f"{_LIST}/{schedule_id}", said, is_failure=True)
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


async def _run(viewer: Viewer, schedule_id: ScheduleId) -> Job:
    """Make a job of a schedule now, within all limits.

    Raises:
        RefusedError: there is no such schedule, its request is not valid any more, or a limit is reached.
        fleet.vault.UnsealError: its secrets cannot be read.
        UnavailableError: Postgres does not answer.
    """
    dependencies, tenant = viewer.dependencies, viewer.tenant
    template = await find_template(dependencies.database, schedule_id=schedule_id, tenant_id=tenant.id)
    if template is None:
        raise not_found(SCHEDULE)
    try:
        render = read_stored(
            template.request,
            dependencies.vault,
            owner=SecretOwner(Purpose.SCHEDULE, tenant.id, schedule_id),
            policy=dependencies.policy_for(tenant),
        )
    except StoredRequestError as error:
        raise refused_input(error.validation, RenderRequest) from None
    await require_own_pdfs(dependencies, tenant, render)
    async with dependencies.quotas.admitted(tenant):
        job = await run_now(
            dependencies.database,
            dependencies.vault,
            render,
            schedule_id=schedule_id,
            tenant_id=tenant.id,
            scheduled_for=template.now,
        )
    if job is None:
        raise not_found(SCHEDULE)
    JOBS_ACCEPTED.inc()
    await dependencies.handover.hand_over([job], weight=tenant.weight)
    return job
