"""`/ui/schedules`: all schedules, each with its last pictures."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Self

from fastapi import APIRouter
from starlette.responses import Response

from api.routes.paging import PageParameters
from api.snippets.curl import curl_call
from api.ui.dashboard_page import ROOT, DashboardPage
from api.ui.pages.schedules.strip import Change, Strip, strip_of
from api.ui.viewer import Reading
from fleet.input.time_zones import UnknownZoneError
from fleet.jobs.read import LAST_ID
from fleet.schedules import schedule as schedules
from fleet.schedules.cron import Timetable, UnusableCronError
from fleet.schedules.history import ScheduledJob, last_jobs
from fleet.schedules.schedule import Schedule
from fleet.tenants.tenant import Scope

PAGE: Final = DashboardPage(f"{ROOT}/schedules", "Schedules", Scope.READ, shortcut="s")
# So many pictures of each.
PICTURES: Final = 20
_LIMIT: Final = 20
_EXAMPLE: Final = {
    "name": "front page",
    "cron": "0 9 * * MON-FRI",
    "timezone": "Europe/Berlin",
    "job": {"url": "https://example.com/", "full_page": True},
    "deliver": "when_changed",
}

router = APIRouter()


@dataclass(frozen=True, slots=True)
class ScheduleLine:
    """What a list says of a schedule.

    Attributes:
        words: its cron expression in words.
        url: what it renders; None: something without an address.
    """

    schedule: Schedule
    words: str
    url: str | None
    strip: Sequence[Strip]

    @classmethod
    def of(cls, schedule: Schedule, jobs: Sequence[ScheduledJob]) -> Self:
        """The line of a schedule with these last jobs."""
        request = json.loads(schedule.request or "{}")
        return cls(schedule, words_of(schedule), request.get("url"), strip_of(jobs))

    @property
    def name(self) -> str:
        """What it is called, or else what it renders."""
        return self.schedule.name or self.url or "without a name"

    @property
    def changes(self) -> int:
        """How many of the pictures have changed."""
        return sum(piece.change is Change.CHANGED for piece in self.strip)


def words_of(schedule: Schedule) -> str:
    """When it fires, in words; the expression itself if it cannot be read any more."""
    try:
        return Timetable.parse(schedule.cron, schedule.timezone).words
    except (UnusableCronError, UnknownZoneError):
        return schedule.cron


@router.get(PAGE.path)
async def show_schedules(viewer: Reading, cursor: str | None = None) -> Response:
    """The list, newest first."""
    parameters = PageParameters(limit=_LIMIT, cursor=cursor or None)
    database, tenant_id = viewer.dependencies.database, viewer.tenant.id
    found = await schedules.list_newest(
        database, tenant_id=tenant_id, before=parameters.before, limit=parameters.limit_to_read
    )
    page = parameters.page_of(found, lambda schedule: schedule.id)
    ids = [schedule.id for schedule in page.items]
    jobs = await last_jobs(database, ids, tenant_id=tenant_id, before=LAST_ID, limit=PICTURES)
    return viewer.page(
        "pages/schedules/schedules.html",
        is_live=True,
        lines=[ScheduleLine.of(schedule, jobs[schedule.id]) for schedule in page.items],
        is_first_page=cursor is None,
        next_cursor=page.next_cursor,
        changes=Change,
        may_act=viewer.may(Scope.RENDER),
        example=curl_call(f"{str(viewer.request.base_url).rstrip('/')}/v1/schedules", body=_EXAMPLE),
    )
