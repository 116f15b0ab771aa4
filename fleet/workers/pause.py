"""Pauses and resumes the fleet. While it is paused, jobs are accepted and running jobs go on; none begins.

The pause is a row in Postgres that every claim reads. So no job begins after the call that pauses the fleet
has been answered.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import asyncpg

from fleet.database import Database

# A second pause changes the reason, but keeps the time of the first one.
_PAUSE: Final = """
    UPDATE fleet SET paused_at = coalesce(paused_at, now()), reason = $1 RETURNING paused_at, reason
"""
_RESUME: Final = "UPDATE fleet SET paused_at = NULL, reason = NULL RETURNING paused_at, reason"
_READ: Final = "SELECT paused_at, reason FROM fleet"


@dataclass(frozen=True, slots=True)
class Pause:
    """Since when the fleet is paused, and why; both None while it is not paused."""

    paused_at: datetime | None
    reason: str | None


async def pause(database: Database, *, reason: str | None) -> Pause:
    """Pause the fleet: no worker begins a job. It is safe to repeat."""
    return _of(await database.fetchrow(_PAUSE, reason))


async def resume(database: Database) -> Pause:
    """Let workers begin jobs again. It is safe to repeat."""
    return _of(await database.fetchrow(_RESUME))


async def read(database: Database) -> Pause:
    """Whether the fleet is paused now."""
    return _of(await database.fetchrow(_READ))


def _of(row: asyncpg.Record | None) -> Pause:
    if row is None:
        raise RuntimeError("the table `fleet` has no row, but must have one")
    return Pause(row["paused_at"], row["reason"])
