"""`/ui/jobs/jobs.csv`: all jobs that match the filters, as a file for spreadsheets."""

from collections.abc import AsyncGenerator
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final

from fastapi import APIRouter
from starlette.responses import Response

from api.http.problems import RefusedError
from api.http.streaming import StreamedResponse
from api.ui.dashboard_page import ROOT
from api.ui.pages.jobs import job_rows
from api.ui.pages.jobs.asked_filters import AskedFilters
from api.ui.viewer import Reading, Viewer
from fleet.errors import ErrorType
from fleet.jobs.listing import JobFilters, list_newest
from fleet.jobs.read import LAST_ID

MOST_ROWS: Final = 100_000
# So many rows are held at a time: 3 MB.
_AT_A_TIME: Final = 500

router = APIRouter()


@router.get(f"{ROOT}/jobs/jobs.csv")
async def export_jobs(viewer: Reading) -> Response:
    """The newest `MOST_ROWS` jobs. Excel needs the mark at the beginning to read UTF-8.

    Raises:
        RefusedError: invalid_request.
    """
    asked = AskedFilters.read(viewer.request.query_params, now=datetime.now(UTC))
    if asked.errors:
        name, words = next(iter(asked.errors.items()))
        raise RefusedError(ErrorType.INVALID_REQUEST, f"{name} {words}")
    headers = {
        "Content-Type": "text/csv; charset=utf-8",
        "Content-Disposition": 'attachment; filename="jobs.csv"',
    }
    answer = await StreamedResponse.begun(
        _lines(viewer, asked.filters), status=HTTPStatus.OK, headers=headers
    )
    del answer.headers["Content-Length"]  # nobody knows it yet
    return answer


async def _lines(viewer: Viewer, filters: JobFilters) -> AsyncGenerator[bytes, None]:
    head, before, written = f"\ufeff{job_rows.head()}", LAST_ID, 0
    while written < MOST_ROWS:
        jobs = await list_newest(
            viewer.dependencies.database,
            tenant_id=viewer.tenant.id,
            filters=filters,
            before=before,
            limit=_AT_A_TIME,
        )
        yield f"{head}{job_rows.rows_of(jobs)}".encode()
        if len(jobs) < _AT_A_TIME:
            return
        head, before, written = "", jobs[-1].id, written + len(jobs)
