"""All pages of the dashboard, and how the API gets them."""

from http import HTTPStatus
from typing import Final

from fastapi import APIRouter, Depends, FastAPI
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute

from api.ui.dashboard_page import ROOT, DashboardPage
from api.ui.files import files
from api.ui.live import stream
from api.ui.pages.fleet import fleet
from api.ui.pages.history import history
from api.ui.pages.job import actions, job
from api.ui.pages.job import files as files_of_job
from api.ui.pages.jobs import export, jobs, many_jobs
from api.ui.pages.playground import playground
from api.ui.pages.queue import waiting_jobs
from api.ui.pages.schedules import schedule, schedule_actions, schedule_form, schedules
from api.ui.pages.tenants import erase, tenant, tenants
from api.ui.pages.webhooks import webhook, webhooks
from api.ui.session import login
from api.ui.session.own_origin import require_own_origin
from api.ui.viewer import Viewing

# In the order of the navigation. The first one that a key may see is its home.
PAGES: Final[tuple[DashboardPage, ...]] = (
    fleet.PAGE,
    fleet.WORKER_PAGE,
    waiting_jobs.PAGE,
    jobs.PAGE,
    job.PAGE,
    playground.PAGE,
    history.PAGE,
    history.FLEET_PAGE,
    schedules.PAGE,
    schedule_form.NEW,
    schedule.PAGE,
    schedule_form.EDIT,
    webhooks.PAGE,
    webhook.PAGE,
    webhook.MESSAGE,
    tenants.PAGE,
    tenant.PAGE,
)
_ROUTERS: Final = (
    files.router,
    login.router,
    stream.router,
    fleet.router,
    waiting_jobs.router,
    jobs.router,
    export.router,
    many_jobs.router,
    files_of_job.router,
    actions.router,
    job.router,
    schedules.router,
    schedule_form.router,
    schedule_actions.router,
    schedule.router,
    playground.router,
    webhooks.router,
    webhook.router,
    history.router,
    tenants.router,
    erase.router,
    tenant.router,
)

_home = APIRouter()


@_home.get(ROOT)
async def lead_home(viewer: Viewing) -> Response:
    """The first page that the key may see."""
    return RedirectResponse(viewer.home(), HTTPStatus.SEE_OTHER.value)


@_home.get(f"{ROOT}/nothing")
async def show_nothing(viewer: Viewing) -> Response:
    """For keys that may see no page."""
    return viewer.page("layout/nothing.html")


def add_dashboard(app: FastAPI) -> list[BaseRoute]:
    """Give the API the pages, which are not in the OpenAPI document; their routes."""
    app.state.dashboard_pages = PAGES
    routers = (_home, *_ROUTERS)
    for router in routers:
        app.include_router(router, include_in_schema=False, dependencies=[Depends(require_own_origin)])
    return [route for router in routers for route in router.routes]
