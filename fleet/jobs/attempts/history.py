"""The recorded attempts of a job, for its owner. The statements that begin and end an attempt write them."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

from fleet.database import Database
from fleet.errors import ErrorType

MOST_SHOWN: Final = 100
_LIST: Final = """
    SELECT attempt, worker_id, browser_generation, started_at, finished_at, outcome, error_type, error_detail
    FROM attempts WHERE job_id = $1 ORDER BY attempt DESC LIMIT $2
"""


class AttemptEnd(StrEnum):
    """How an attempt has ended. The first four ended the job, after the others it was queued again.

    Only `lost` can be either: after the third crash the job fails.
    """

    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    RETRIED = "retried"
    HANDED_BACK = "handed_back"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class AttemptRecord:
    """One row of `attempts`.

    Attributes:
        browser_generation: None if it did not end the job, or while it runs.
        outcome: None while it runs.
        error_type: None if it had no error.
    """

    attempt: int
    worker_id: UUID
    browser_generation: int | None
    started_at: datetime
    finished_at: datetime | None
    outcome: AttemptEnd | None
    error_type: ErrorType | None
    error_detail: str | None


async def attempts_of(database: Database, job_id: UUID) -> list[AttemptRecord]:
    """The newest `MOST_SHOWN` attempts of a job, oldest first. The caller has checked whose job it is."""
    rows = await database.fetch(_LIST, job_id, MOST_SHOWN)
    return [
        AttemptRecord(
            attempt=row["attempt"],
            worker_id=row["worker_id"],
            browser_generation=row["browser_generation"],
            started_at=row["started_at"],
            finished_at=row["finished_at"],
            outcome=None if row["outcome"] is None else AttemptEnd(row["outcome"]),
            error_type=None if row["error_type"] is None else ErrorType(row["error_type"]),
            error_detail=row["error_detail"],
        )
        for row in reversed(rows)
    ]
