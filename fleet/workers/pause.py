"""Whether the fleet is paused: jobs are accepted and wait, what runs goes on, nothing new begins.

The row in Postgres decides, and every claim looks at it: a pause holds from the moment that it is answered.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

import asyncpg

from fleet.database import Pool, answering

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


async def pause(pool: Pool, *, reason: str | None) -> Pause:
    """Begin no job any more, anywhere. Repeating is safe.

    Raises:
        UnavailableError: Postgres does not answer.
    """
    async with answering():
        return _of(await pool.fetchrow(_PAUSE, reason))


async def resume(pool: Pool) -> Pause:
    """Begin jobs again. Repeating is safe.

    Raises:
        UnavailableError: Postgres does not answer.
    """
    async with answering():
        return _of(await pool.fetchrow(_RESUME))


async def read(pool: Pool) -> Pause:
    """How it is now.

    Raises:
        UnavailableError: Postgres does not answer.
    """
    async with answering():
        return _of(await pool.fetchrow(_READ))


def _of(row: asyncpg.Record | None) -> Pause:
    if row is None:
        raise RuntimeError("the table `fleet` has lost its row")
    return Pause(row["paused_at"], row["reason"])
