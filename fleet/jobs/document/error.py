"""What is told of an error of a job."""

from typing import Final

from pydantic import BaseModel, Field

from fleet.errors import ErrorType
from fleet.jobs.job import Job, State


class ErrorDocument(BaseModel):
    """Why a job failed."""

    type: ErrorType = Field(description="The stable name of the error.")
    title: str = Field(description="One sentence, the same for each error of this type.")
    detail: str = Field(description="What happened this time.")
    retryable: bool = Field(description="Whether the fleet caused it, not the page.")


# The error of jobs that ended without an error in their row.
_ERROR_OF_STATE: Final = {State.CANCELLED: ErrorType.CANCELLED, State.EXPIRED: ErrorType.EXPIRED}


def error_of(job: Job) -> ErrorDocument | None:
    """Why a job failed, was cancelled or expired. None: it has not ended, or has succeeded."""
    type_ = _ERROR_OF_STATE.get(job.state) if job.error_type is None else ErrorType(job.error_type)
    if type_ is None:
        return None
    kind = type_.kind
    return ErrorDocument(
        type=type_, title=kind.title, detail=job.error_detail or kind.title, retryable=kind.retryable
    )
