"""Jobs as lines for spreadsheets."""

import csv
import io
from uuid import UUID

import pytest

from api.ui.pages.jobs.job_rows import COLUMNS, head, rows_of
from fleet.jobs.facts import PageFacts
from fleet.jobs.job import Job, State
from tests.kit.data.plain_job import ACCEPTED_AT, plain_job


def read(*jobs: Job) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(head() + rows_of(jobs), newline="")))


def test_a_job_is_a_line_with_a_cell_for_each_column() -> None:
    page = PageFacts(final_url="https://example.com/", http_status=200, title='He said: "a, b"\nand more')
    job = plain_job(
        state=State.FAILED,
        page=page,
        request={"url": "https://example.com", "format": "pdf"},
        error_type="tls_error",
        timings_ms={"queued": 1.5, "total": 300.25},
        warnings=["one", "two"],
    )
    (row,) = read(job)
    assert list(row) == list(COLUMNS)
    assert row["id"] == str(UUID(int=1))
    assert row["title"] == page.title
    assert (row["format"], row["http_status"], row["total_ms"]) == ("pdf", "200", "300.25")
    assert (row["error_type"], row["warnings"]) == ("tls_error", "one | two")
    assert row["created_at"] == ACCEPTED_AT.strftime("%Y-%m-%dT%H:%M:%SZ")
    assert (row["finished_at"], row["sha256"]) == ("", "")


@pytest.mark.parametrize("title", ['=HYPERLINK("http://evil")', "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_title_is_no_formula(title: str) -> None:
    (row,) = read(plain_job(page=PageFacts(title=title)))
    assert row["title"] == f"'{title}"


def test_a_cancelled_job_says_so_although_its_row_has_no_error() -> None:
    (row,) = read(plain_job(state=State.CANCELLED))
    assert row["error_type"] == "cancelled"
