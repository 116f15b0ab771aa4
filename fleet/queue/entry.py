"""A job's id on its way through Redis to a worker, and what decides where it stands in the queue."""

from dataclasses import dataclass
from typing import Final, Self
from uuid import UUID

import asyncpg

from fleet.queue.fair_queue import DEFAULT_PRIORITY


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """One entry in the queue: which job, and for the how many-th time it is queued.

    A job that is queued again, for example after a failed attempt, has a higher `dispatch`. An entry with a
    lower one is out of date, and no worker can claim the job with it.
    """

    job_id: UUID
    dispatch: int

    @property
    def id(self) -> str:
        """The id in Redis. It names the entry, not the job: arq silently drops an id that it knows."""
        return f"{self.job_id}:{self.dispatch}"

    @classmethod
    def parse(cls, id_: str) -> Self:
        """The entry with this id.

        Raises:
            ValueError: the text is not the id of an entry.
        """
        job_id, _, dispatch = id_.partition(":")
        return cls(UUID(job_id), int(dispatch))


@dataclass(frozen=True, slots=True)
class QueuedJob:
    """A queued job that is to be put into Redis: its entry, and what decides where that stands in the queue.

    Attributes:
        entry: what a worker will claim the job with.
        tenant_id: whose turn it takes.
        weight: the tenant's share of the fleet.
        priority: 0 to 9.
        has_run: whether it had its turn before: then it goes before its tenant's other jobs.
        is_paid: whether nothing was rendered in that turn: then the tenant gets the turn back.
    """

    entry: QueueEntry
    tenant_id: UUID
    weight: float = 1.0
    priority: int = DEFAULT_PRIORITY
    has_run: bool = False
    is_paid: bool = False


# What `queued_job_from_row` reads, of rows that are joined with their tenant.
QUEUED_JOB_COLUMNS: Final = """
    jobs.id, jobs.dispatch, jobs.tenant_id, jobs.priority, jobs.attempt > 0 AS has_run, tenants.weight
"""


def queued_job_from_row(row: asyncpg.Record) -> QueuedJob:
    """Make a QueuedJob of a row that holds `QUEUED_JOB_COLUMNS`."""
    return QueuedJob(
        QueueEntry(row["id"], row["dispatch"]),
        tenant_id=row["tenant_id"],
        weight=row["weight"],
        priority=row["priority"],
        has_run=row["has_run"],
    )
