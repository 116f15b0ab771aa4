"""Jobs as rows of a table of text, for spreadsheets: RFC 4180, in UTF-8, with a first line of names."""

import csv
import io
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Final

from fleet.jobs.document.error import error_of
from fleet.jobs.job import Job

# A spreadsheet takes a cell that begins so for a formula, and runs it (CWE-1236). A page decides its title.
_BEGINS_A_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")

COLUMNS: Final[dict[str, Callable[[Job], object]]] = {
    "id": lambda job: job.id,
    "status": lambda job: job.state.value,
    "url": lambda job: job.request.get("url"),
    "final_url": lambda job: job.page and job.page.final_url,
    "http_status": lambda job: job.page and job.page.http_status,
    "title": lambda job: job.page and job.page.title,
    "format": lambda job: job.request.get("format", "png"),
    "error_type": lambda job: (error := error_of(job)) and error.type.value,
    "error_detail": lambda job: (error := error_of(job)) and error.detail,
    "created_at": lambda job: job.created_at,
    "started_at": lambda job: job.started_at,
    "finished_at": lambda job: job.finished_at,
    "attempt": lambda job: job.attempt,
    "queued_ms": lambda job: (job.timings_ms or {}).get("queued"),
    "total_ms": lambda job: (job.timings_ms or {}).get("total"),
    "memory_peak_bytes": lambda job: job.memory_peak_bytes,
    "content_type": lambda job: job.artifact and job.artifact.content_type,
    "size_bytes": lambda job: job.artifact and job.artifact.size_bytes,
    "width_px": lambda job: job.artifact and job.artifact.width_px,
    "height_px": lambda job: job.artifact and job.artifact.height_px,
    "pages": lambda job: job.artifact and job.artifact.pages,
    "sha256": lambda job: job.artifact and job.artifact.sha256,
    "external_id": lambda job: job.external_id,
    "schedule_id": lambda job: job.schedule_id,
    "worker_id": lambda job: job.worker_id,
    "warnings": lambda job: " | ".join(job.warnings),
}


def head() -> str:
    """The first line."""
    return _lines([list(COLUMNS)])


def rows_of(jobs: Iterable[Job]) -> str:
    """A line for each job."""
    return _lines([_cell(value(job)) for value in COLUMNS.values()] for job in jobs)


def _lines(rows: Iterable[list[str]]) -> str:
    written = io.StringIO()
    csv.writer(written, lineterminator="\r\n").writerows(rows)
    return written.getvalue()


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    text = str(value)
    return f"'{text}" if text.startswith(_BEGINS_A_FORMULA) else text
