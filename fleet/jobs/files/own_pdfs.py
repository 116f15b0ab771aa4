"""PDFs that jobs have made, to be put into the PDF of another job: which of them can be used."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from fleet.database import Database
from fleet.jobs.job import JOB_COLUMNS, Job, State, job_from_row
from fleet.render.options.output import CONTENT_TYPES, Format

# Of all PDFs that go into one document, the printed one aside.
MAX_MERGED_BYTES: Final = 256 * 1024 * 1024
# Why a job cannot be used whose PDF is gone.
ERASED: Final = "is a job whose pdf was erased"

_FIND: Final = f"SELECT {JOB_COLUMNS} FROM jobs WHERE id = ANY($1::uuid[]) AND tenant_id = $2"


class UnusableJobError(Exception):
    """The job has no PDF that can be used. The message is for the tenant, to be read behind the job's name.

    Attributes:
        job_id: which one.
    """

    def __init__(self, job_id: UUID, message: str) -> None:
        super().__init__(message)
        self.job_id = job_id


async def find_own_pdfs(database: Database, job_ids: Sequence[UUID], *, tenant_id: UUID) -> dict[UUID, Job]:
    """The jobs with these ids, if each of them belongs to the tenant and has a PDF that is still stored.

    Raises:
        UnusableJobError: one has none.
        UnavailableError: Postgres does not answer.
    """
    rows = await database.fetch(_FIND, list(job_ids), tenant_id)
    jobs = {job.id: job for job in map(job_from_row, rows)}
    total_bytes = 0
    for job_id in job_ids:
        job = jobs.get(job_id)
        if (problem := _problem(job)) is not None:
            raise UnusableJobError(job_id, problem)
        if job is not None and job.artifact is not None:
            total_bytes += job.artifact.size_bytes
        if total_bytes > MAX_MERGED_BYTES:
            total = f"has a pdf with which all together have {total_bytes:,} bytes"
            raise UnusableJobError(job_id, f"{total}; at most {MAX_MERGED_BYTES:,} are allowed")
    return jobs


def _problem(job: Job | None) -> str | None:
    """Why the PDF of a job cannot be used, if so."""
    if job is None:
        return "is not the id of a job of yours"
    if not job.state.is_terminal:
        return "is a job that has not ended; wait until it has succeeded"
    if job.state is not State.SUCCEEDED or job.artifact is None or job.artifact_key is None:
        return f"is a job that ended as {job.state.value}, without a pdf"
    if job.artifact.content_type != CONTENT_TYPES[Format.PDF]:
        return f"is a job that made {job.artifact.content_type.partition(';')[0]}, not a pdf"
    if job.artifact_erased_at is not None:
        return ERASED
    return None
