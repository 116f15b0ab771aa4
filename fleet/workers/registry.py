"""Workers as rows: who is there, with how many slots, on which browser generation."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from pydantic import ValidationError

from fleet.database import Database
from fleet.workers.vitals import Vitals

_REPORT: Final = """
    INSERT INTO workers (id, hostname, pid, slots, busy, browser_generation, browser_launched_at, vitals)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
    ON CONFLICT (id) DO UPDATE
    SET busy = excluded.busy, browser_generation = excluded.browser_generation,
        browser_launched_at = excluded.browser_launched_at, vitals = excluded.vitals, last_seen_at = now()
"""
_LEAVE: Final = "UPDATE workers SET stopped_at = now(), last_seen_at = now(), busy = 0 WHERE id = $1"

# A worker that was silent for a day is not coming back; its row only told that it once was there.
_FORGET: Final = "DELETE FROM workers WHERE last_seen_at < now() - interval '1 day'"

# A worker reports every few seconds (HEARTBEAT_INTERVAL_S); one that is silent for half a minute is gone.
_LIST_PRESENT: Final = """
    SELECT id, hostname, slots, busy, browser_generation, browser_launched_at, started_at, last_seen_at,
        vitals
    FROM workers WHERE stopped_at IS NULL AND last_seen_at > now() - interval '30 s' ORDER BY started_at
"""


@dataclass(frozen=True, slots=True)
class WorkerReport:
    """What a worker says of itself at each heartbeat."""

    id: UUID
    hostname: str
    pid: int
    slots: int
    busy: int
    browser_generation: int
    browser_launched_at: datetime | None
    vitals: Vitals | None = None


async def report(database: Database, worker: WorkerReport) -> None:
    """Write the worker's row."""
    await database.execute(
        _REPORT,
        worker.id,
        worker.hostname,
        worker.pid,
        worker.slots,
        worker.busy,
        worker.browser_generation,
        worker.browser_launched_at,
        None if worker.vitals is None else worker.vitals.model_dump_json(),
    )


async def leave(database: Database, worker_id: UUID) -> None:
    """Say goodbye, so that nobody waits for the row to grow old."""
    await database.execute(_LEAVE, worker_id)


@dataclass(frozen=True, slots=True)
class PresentWorker:
    """A worker that was heard of lately.

    Attributes:
        vitals: None from a worker whose version tells none, or others.
    """

    id: UUID
    hostname: str
    slots: int
    busy: int
    browser_generation: int
    browser_launched_at: datetime | None
    started_at: datetime
    last_seen_at: datetime
    vitals: Vitals | None


async def list_present(database: Database) -> list[PresentWorker]:
    """The workers that are there, the oldest first."""
    rows = await database.fetch(_LIST_PRESENT)
    return [PresentWorker(**{**row, "vitals": _vitals(row["vitals"])}) for row in rows]


def _vitals(text: str | None) -> Vitals | None:
    try:
        return None if text is None else Vitals.model_validate_json(text)
    except ValidationError:
        return None


async def forget_gone(database: Database) -> None:
    """Delete the rows of workers that were silent for a day."""
    await database.execute(_FORGET)
