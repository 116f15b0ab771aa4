"""The page of the fleet, and that of one worker."""

from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from api.http.problems import RefusedError
from api.routes.fleet import fleet_document
from api.ui.dashboard_page import ROOT, DashboardPage
from api.ui.layout.words import as_count, as_duration
from api.ui.pages.fleet.recent import recent_fleet
from api.ui.viewer import Operating
from fleet.errors import ErrorType
from fleet.queue.announcements import announce_pause
from fleet.tenants.tenant import Scope
from fleet.workers import pause

PAGE: Final = DashboardPage(f"{ROOT}/fleet", "Fleet", Scope.ADMIN, shortcut="f")
WORKER_PAGE: Final = DashboardPage(
    f"{ROOT}/fleet/{{worker_id}}", "Worker", Scope.ADMIN, is_in_navigation=False
)
_MOST_CHARACTERS: Final = 200
# Workers report every few seconds.
_EVERY_S: Final = 2

router = APIRouter(prefix=PAGE.path)


@router.get("")
async def show_fleet(viewer: Operating) -> Response:
    """Workers, backlog and pause."""
    document = await fleet_document(viewer.dependencies)
    recent = await recent_fleet(viewer.dependencies.database)
    return viewer.page(
        "pages/fleet/fleet.html",
        is_live=True,
        every_s=_EVERY_S,
        fleet=document,
        recent=recent,
        as_count=as_count,
        as_duration=as_duration,
    )


@router.post("/pause")
async def pause_fleet(viewer: Operating) -> Response:
    """Let no worker begin another job."""
    reason = (await viewer.form()).text("reason")[:_MOST_CHARACTERS] or None
    await pause.pause(viewer.dependencies.database, reason=reason)
    viewer.audit("fleet paused", reason=reason)
    await announce_pause(viewer.dependencies.redis)
    return viewer.back(PAGE.path, "The fleet is paused: no worker begins another job.")


@router.post("/resume")
async def resume_fleet(viewer: Operating) -> Response:
    """Let workers begin jobs again."""
    await pause.resume(viewer.dependencies.database)
    viewer.audit("fleet resumed")
    await announce_pause(viewer.dependencies.redis)
    return viewer.back(PAGE.path, "The fleet works again.")


@router.get("/{worker_id}")
async def show_worker(viewer: Operating, worker_id: str) -> Response:
    """All that a worker reports about itself."""
    document = await fleet_document(viewer.dependencies)
    worker = next((one for one in document.workers if str(one.id) == worker_id), None)
    if worker is None:
        raise RefusedError(
            ErrorType.NOT_FOUND, "no worker with this id has reported within the last 30 seconds"
        )
    return viewer.page("pages/fleet/worker.html", is_live=True, worker=worker)
