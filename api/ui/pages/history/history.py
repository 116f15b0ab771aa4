"""The pages of figures over time: of one's own jobs, and of the fleet."""

import asyncio
from datetime import timedelta
from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from api.ui.dashboard_page import ROOT, DashboardPage
from api.ui.layout.words import as_machine_time, as_moment
from api.ui.pages.history.chart import Chart, charts_of_fleet, charts_of_jobs
from api.ui.viewer import Operating, Reading, Viewer
from fleet.database import Database
from fleet.history.read import Period, counted_until, ended_jobs, fleet_samples
from fleet.tenants.tenant import Scope

PAGE: Final = DashboardPage(f"{ROOT}/history", "History", Scope.READ, shortcut="h")
FLEET_PAGE: Final = DashboardPage(
    f"{ROOT}/fleet-history", "History of the fleet", Scope.ADMIN, is_in_navigation=False
)
_SPANS: Final = {
    "6h": ("6 hours", timedelta(hours=6)),
    "24h": ("24 hours", timedelta(hours=24)),
    "7d": ("7 days", timedelta(days=7)),
    "30d": ("30 days", timedelta(days=30)),
}
# A chart has about three pixels for each on a telephone, and the table below it as many rows.
_POINTS: Final = 120

router = APIRouter(prefix=ROOT)


@router.get("/history")
async def show_history(viewer: Reading, span: str = "6h") -> Response:
    """The jobs of the viewer's own tenant."""
    database = viewer.dependencies.database
    period = await _period(database, span)
    charts = charts_of_jobs(await ended_jobs(database, period, tenant_id=viewer.tenant.id))
    # Some thousand figures take some tens of milliseconds, in which no call would go on.
    return await asyncio.to_thread(_page, viewer, PAGE, charts, period, span)


@router.get("/fleet-history")
async def show_fleet_history(viewer: Operating, span: str = "6h") -> Response:
    """The jobs of all tenants, and the fleet."""
    database = viewer.dependencies.database
    period = await _period(database, span)
    charts = charts_of_jobs(await ended_jobs(database, period, tenant_id=None))
    charts += charts_of_fleet(period.points, await fleet_samples(database, period))
    return await asyncio.to_thread(_page, viewer, FLEET_PAGE, charts, period, span)


def _page(viewer: Viewer, page: DashboardPage, charts: list[Chart], period: Period, span: str) -> Response:
    return viewer.page(
        "pages/history/history.html",
        title=page.title,
        path=page.path,
        charts=charts,
        moments=[(as_machine_time(at), as_moment(at)) for at in period.points],
        step=period.step,
        until=period.until,
        spans={name: words for name, (words, _) in _SPANS.items()},
        span=span if span in _SPANS else "6h",
    )


async def _period(database: Database, span: str) -> Period:
    """The minutes that are shown, in at most `_POINTS` steps. A span that does not exist is six hours."""
    _, length = _SPANS.get(span, _SPANS["6h"])
    until = await counted_until(database)
    return Period.of(until - length, until, points=_POINTS)
