"""`/ui/jobs`: all jobs of a tenant, as lines or as pictures, newest first."""

from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import takewhile
from typing import Final, Self
from uuid import UUID

from fastapi import APIRouter
from starlette.datastructures import QueryParams
from starlette.responses import Response

from api.routes.paging import PageOf, PageParameters
from api.snippets.curl import curl_render
from api.ui.dashboard_page import ROOT, DashboardPage
from api.ui.pages.jobs.asked_filters import AskedFilters
from api.ui.pages.jobs.export import MOST_ROWS
from api.ui.pages.jobs.job_line import JobLine
from api.ui.pages.jobs.many_jobs import MOST_AT_ONCE
from api.ui.viewer import Reading, Viewer
from fleet.errors import ErrorType, UnavailableError
from fleet.jobs.job import Job, State
from fleet.jobs.listing import list_newest, newest_ids, recent_names
from fleet.render.options.output import Format
from fleet.tenants.tenant import Scope

PAGE: Final = DashboardPage(f"{ROOT}/jobs", "Jobs", Scope.READ, shortcut="j")
GALLERY: Final = "gallery"
LIMIT: Final = 50
# More new jobs than that are "100 or more".
MOST_NEW: Final = 100
# Names that are suggested are those of so many newest jobs.
_SUGGESTED_FROM: Final = 200

router = APIRouter()


@dataclass(frozen=True, slots=True)
class AskedList:
    """The part of the list that somebody looks at.

    Attributes:
        cursor: the last job of the page before; None: the first page.
        newest: the first job of the list as it was opened. Newer ones are only counted, so that nothing moves
            while somebody reads; None: the newest there is.
    """

    asked: AskedFilters
    is_gallery: bool
    cursor: str | None
    newest: UUID | None

    @classmethod
    def read(cls, sent: QueryParams) -> Self:
        """Read the parameters of the page; those that make no sense count as not sent."""
        return cls(
            asked=AskedFilters.read(sent, now=datetime.now(UTC)),
            is_gallery=sent.get("view") == GALLERY,
            cursor=sent.get("cursor") or None,
            newest=_uuid(sent.get("newest")),
        )

    def address(self, **more: object) -> str:
        """The address of this view, at its first page."""
        view = GALLERY if self.is_gallery else None
        query = self.asked.query(**{"view": view, **more})
        return f"{PAGE.path}?{query}" if query else PAGE.path


def _uuid(text: str | None) -> UUID | None:
    try:
        return None if not text else UUID(text)
    except ValueError:
        return None


@router.get(PAGE.path)
async def show_jobs(viewer: Reading) -> Response:
    """The list. It is live, but while somebody is in the middle of it new jobs are only counted."""
    wanted = AskedList.read(viewer.request.query_params)
    names = None
    if not viewer.wants_fragment:
        names = await recent_names(
            viewer.dependencies.database, tenant_id=viewer.tenant.id, jobs=_SUGGESTED_FROM
        )
    page, is_too_slow = await _page_in_time(viewer, wanted)
    return viewer.page(
        "pages/jobs/jobs.html",
        is_live=not wanted.asked.errors and not is_too_slow,
        is_too_slow=is_too_slow,
        wanted=wanted,
        asked=wanted.asked,
        lines=[JobLine.of(job) for job in page.items],
        next_cursor=page.next_cursor,
        newer=await _newer(viewer, wanted),
        most_new=MOST_NEW,
        most_at_once=MOST_AT_ONCE,
        names=names,
        choices=CHOICES,
        may_act=viewer.may(Scope.RENDER),
        example=curl_render(str(viewer.request.base_url).rstrip("/"), {"url": "https://example.com/"}),
        most_rows=MOST_ROWS,
    )


# What the selections of the filter bar offer.
CHOICES: Final = {
    "status": [state.value for state in State],
    # The list of errors begins with those with which a job can end.
    "error_type": sorted(takewhile(lambda type_: type_ is not ErrorType.UNAUTHORIZED, ErrorType)),
    "format": [format_.value for format_ in Format],
}


async def _page_in_time(viewer: Viewer, wanted: AskedList) -> tuple[PageOf[Job], bool]:
    """The jobs of the page, and whether there are none because it took Postgres too long to find them.

    Of filters that hardly any job meets together, all jobs are looked through that meet the rarest one.

    Raises:
        UnavailableError: Postgres does not answer.
    """
    try:
        return await _page(viewer, wanted), False
    except UnavailableError:
        # A moment ago it has answered with the names that are suggested.
        if len(wanted.asked.given) <= 1 or viewer.wants_fragment:
            raise
        return PageOf([], None), True


async def _page(viewer: Viewer, wanted: AskedList) -> PageOf[Job]:
    """The jobs of the page; none if a filter is wrong, since the list would be another one."""
    if wanted.asked.errors:
        return PageOf([], None)
    parameters = PageParameters(limit=LIMIT, cursor=wanted.cursor)
    before = parameters.before
    if wanted.newest is not None:
        before = min(before, UUID(int=min(wanted.newest.int + 1, 2**128 - 1)))
    found = await list_newest(
        viewer.dependencies.database,
        tenant_id=viewer.tenant.id,
        filters=wanted.asked.filters,
        before=before,
        limit=parameters.limit_to_read,
    )
    return parameters.page_of(found, lambda job: job.id)


async def _newer(viewer: Viewer, wanted: AskedList) -> int:
    """How many jobs have come since the list was opened, counted up to `MOST_NEW`."""
    if wanted.newest is None or wanted.asked.errors:
        return 0
    found = await newest_ids(
        viewer.dependencies.database,
        tenant_id=viewer.tenant.id,
        filters=wanted.asked.filters,
        after=wanted.newest,
        limit=MOST_NEW,
    )
    return len(found)
