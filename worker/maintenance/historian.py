"""Counts what has ended, and notes the state of the fleet, minute by minute. Every worker does this.

Whichever worker is first does the work of a minute; for the others it is two statements that find nothing.
"""

from datetime import timedelta
from typing import Final

from fleet.database import Database
from fleet.errors import UnavailableError
from fleet.history.record import count_ended, forget_old, sample_fleet, sum_hour
from fleet.telemetry.logs import get_logger

# With its jitter of a half, at least one call falls into each minute, also of a single worker.
INTERVAL_S: Final = 30.0
# A statement that ends a job is cut off after DATABASE_TIMEOUT_S. Another worker's may be larger.
_MARGIN: Final = timedelta(seconds=10)
_CALLS_PER_HOUR: Final = round(3600 / INTERVAL_S)

log = get_logger(__name__)


class Historian:
    """One worker's share of the history."""

    def __init__(self, database: Database, *, statement_timeout: timedelta) -> None:
        self._database = database
        self._settling = statement_timeout + _MARGIN
        self._calls = 0

    async def record(self) -> None:
        """Record what is due. If Postgres does not answer, the next call does it."""
        try:
            await sample_fleet(self._database)
            while await count_ended(self._database, settling=self._settling) is not None:
                pass
            while await sum_hour(self._database):
                pass
            if self._calls % _CALLS_PER_HOUR == 0:
                await forget_old(self._database)
            self._calls += 1
        except UnavailableError as error:
            log.warning("history not recorded, the next call does it", error=repr(error.__cause__))
