"""`/ui/schedules/{id}`: one schedule, and what changed between two of its pictures."""

import json
from collections.abc import AsyncGenerator
from http import HTTPStatus
from typing import Final, cast
from uuid import UUID

from fastapi import APIRouter
from starlette.responses import Response

from api.http.path_ids import JOB, SCHEDULE, ScheduleId
from api.http.problems import not_found
from api.http.streaming import StreamedResponse
from api.jobs.comparisons import Pair
from api.ui.dashboard_page import ROOT, DashboardPage
from api.ui.pages.schedules.pair import PairView, chosen_ids, chosen_pair, options_of
from api.ui.pages.schedules.schedules import PICTURES, ScheduleLine
from api.ui.pages.schedules.strip import Change
from api.ui.viewer import Reading, Rendering, Viewer
from fleet.jobs.read import LAST_ID
from fleet.schedules import schedule as schedules
from fleet.schedules.history import last_jobs
from fleet.schedules.schedule import Schedule
from fleet.tenants.tenant import Scope

PAGE: Final = DashboardPage(
    f"{ROOT}/schedules/{{schedule_id}}", "Schedule", Scope.READ, is_in_navigation=False
)

router = APIRouter()


@router.get(PAGE.path)
async def show_schedule(
    viewer: Reading, schedule_id: ScheduleId, one: str = "", other: str = "", view: str = ""
) -> Response:
    """The page.

    Args:
        viewer: who looks.
        schedule_id: the schedule.
        one: the job of the older picture; empty: the one before the newer.
        other: the job of the newer picture; empty: the newest.
        view: side, slider or difference.
    """
    schedule = await schedule_of(viewer, schedule_id)
    database, tenant_id = viewer.dependencies.database, viewer.tenant.id
    jobs = await last_jobs(database, [schedule_id], tenant_id=tenant_id, before=LAST_ID, limit=PICTURES)
    line = ScheduleLine.of(schedule, jobs[schedule_id])
    ids = chosen_ids(list(line.strip), one=_uuid(one), other=_uuid(other))
    shown = PairView(view) if view in list(PairView) else PairView.SIDE
    pair = None if ids is None else await chosen_pair(viewer, schedule, ids, shown)
    return viewer.page(
        "pages/schedules/schedule.html",
        # Two pictures are looked at for a while: nothing changes meanwhile.
        is_live=not (one or other or view),
        line=line,
        schedule=schedule,
        pair=pair,
        views=PairView,
        changes=Change,
        job_json=json.dumps(json.loads(schedule.request or "{}"), indent=2, ensure_ascii=False),
        may_act=viewer.may(Scope.RENDER),
    )


@router.get(f"{PAGE.path}/difference")
async def show_difference(viewer: Rendering, schedule_id: ScheduleId, one: str, other: str) -> Response:
    """The difference picture of two jobs of this schedule.

    Raises:
        RefusedError: there are no such two jobs, or they cannot be compared.
    """
    schedule = await schedule_of(viewer, schedule_id)
    first, second = _uuid(one), _uuid(other)
    if first is None or second is None:
        raise not_found(JOB)
    pair = await chosen_pair(viewer, schedule, (first, second), PairView.SIDE)
    if pair is None:
        raise not_found(JOB)
    comparisons = viewer.dependencies.comparisons
    found = await comparisons.find(
        Pair(pair.one, pair.other), options_of(schedule), tenant_id=viewer.tenant.id
    )
    drawn = found.answer["difference"]
    if drawn is None:
        raise not_found("difference between these two jobs")
    chunks = viewer.dependencies.artifacts.read(found.picture_key, first=0, last=drawn["size_bytes"] - 1)
    headers = {
        "Content-Type": "image/png",
        "Content-Length": str(drawn["size_bytes"]),
        "Cache-Control": "private, max-age=3600",
    }
    return await StreamedResponse.begun(
        cast("AsyncGenerator[bytes, None]", chunks), status=HTTPStatus.OK, headers=headers
    )


async def schedule_of(viewer: Viewer, schedule_id: UUID) -> Schedule:
    """A schedule of the viewer's tenant.

    Raises:
        RefusedError: not_found.
    """
    found = await schedules.get(
        viewer.dependencies.database, schedule_id=schedule_id, tenant_id=viewer.tenant.id
    )
    if found is None:
        raise not_found(SCHEDULE)
    return found


def _uuid(text: str) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None
