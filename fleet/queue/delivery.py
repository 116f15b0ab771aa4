"""A job id on its way to a worker, and what decides where it stands in the queue."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

import asyncpg

from fleet.queue.fair_queue import DEFAULT_PRIORITY


@dataclass(frozen=True, slots=True)
class Delivery:
    """A job id as it travels through Redis: `{job_id}:{dispatch}`."""

    job_id: UUID
    dispatch: int


@dataclass(frozen=True, slots=True)
class Waiting:
    """A queued job on its way into the queue: its delivery, and what decides where it stands.

    Attributes:
        delivery: what a worker will claim.
        tenant_id: whose turn it takes.
        weight: the tenant's share.
        priority: 0 to 9.
        has_run: whether it had its turn before: then it goes before its tenant's other jobs.
        is_paid: whether nothing was rendered in that turn: then the next one costs its tenant nothing.
    """

    delivery: Delivery
    tenant_id: UUID
    weight: float = 1.0
    priority: int = DEFAULT_PRIORITY
    has_run: bool = False
    is_paid: bool = False


# What `waiting_from_row` reads, of rows that are joined with their tenant.
WAITING_COLUMNS: Final = """
    jobs.id, jobs.dispatch, jobs.tenant_id, jobs.priority, jobs.attempt > 0 AS has_run, tenants.weight
"""


def waiting_from_row(row: asyncpg.Record) -> Waiting:
    """Make a Waiting of a row that holds `WAITING_COLUMNS`."""
    return Waiting(
        Delivery(row["id"], row["dispatch"]),
        tenant_id=row["tenant_id"],
        weight=row["weight"],
        priority=row["priority"],
        has_run=row["has_run"],
    )
