"""Whether the fleet is paused: jobs are accepted and wait, what runs goes on, nothing new begins.

The row in Postgres decides, and every claim looks at it: a pause holds from the moment that it is answered.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import asyncpg

from fleet.database import Database

# A second pause keeps the first one's time.
_PAUSE: Final = """
    UPDATE fleet SET paused_at = coalesce(paused_at, now()), reason = $1 RETURNING paused_at, reason
"""
_RESUME: Final = "UPDATE fleet SET paused_at = NULL, reason = NULL RETURNING paused_at, reason"
_READ: Final = "SELECT paused_at, reason FROM fleet"


@dataclass(frozen=True, slots=True)
class Pause:
    """Since when, and why; both None while the fleet is not paused."""

    paused_at: datetime | None
    reason: str | None


async def pause(database: Database, *, reason: str | None) -> Pause:
    """Begin no job any more, anywhere. Repeating is safe."""
    return _of(await database.fetchrow(_PAUSE, reason))


async def resume(database: Database) -> Pause:
    """Begin jobs again. Repeating is safe."""
    return _of(await database.fetchrow(_RESUME))


async def read(database: Database) -> Pause:
    """How it is now."""
    return _of(await database.fetchrow(_READ))


def _of(row: asyncpg.Record | None) -> Pause:
    if row is None:
        raise RuntimeError("the table `fleet` has lost its row")
    return Pause(row["paused_at"], row["reason"])
