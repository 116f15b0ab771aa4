"""The table of workers: which there are, with how many slots, and which browser each has."""

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
_MARK_STOPPED: Final = "UPDATE workers SET stopped_at = now(), last_seen_at = now(), busy = 0 WHERE id = $1"

# A worker that has not reported for a day has ended for good.
_DELETE_SILENT: Final = "DELETE FROM workers WHERE last_seen_at < now() - interval '1 day'"

# A worker reports every few seconds (HEARTBEAT_INTERVAL_S). One that has not for half a minute is left out.
PRESENT: Final = "stopped_at IS NULL AND last_seen_at > now() - interval '30 s'"
_LIST_PRESENT: Final = f"""
    SELECT id, hostname, slots, busy, browser_generation, browser_launched_at, started_at, last_seen_at,
        vitals
    FROM workers WHERE {PRESENT} ORDER BY started_at
"""


@dataclass(frozen=True, slots=True)
class WorkerReport:
    """What a worker reports about itself at each heartbeat."""

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


async def mark_stopped(database: Database, worker_id: UUID) -> None:
    """Mark a worker that ends, so that it is not listed as present until its last report is old."""
    await database.execute(_MARK_STOPPED, worker_id)


@dataclass(frozen=True, slots=True)
class PresentWorker:
    """A worker that has reported lately.

    Attributes:
        vitals: None if the worker has another version that reports none, or other ones.
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
    """The workers that have reported lately, the oldest first."""
    rows = await database.fetch(_LIST_PRESENT)
    return [PresentWorker(**{**row, "vitals": _vitals(row["vitals"])}) for row in rows]


def _vitals(text: str | None) -> Vitals | None:
    try:
        return None if text is None else Vitals.model_validate_json(text)
    except ValidationError:
        return None


async def delete_silent(database: Database) -> None:
    """Delete the rows of workers that have not reported for a day."""
    await database.execute(_DELETE_SILENT)
