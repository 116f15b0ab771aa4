"""The open jobs as one process counts them: again for each reader, unless there are very many.

Postgres reads the row of each open job to count them: with 200,000 of them it took 0.4 to 1.5 s. A page that
many people watch must not cost that each time.
"""

import asyncio
import math
import time
from typing import Final

from fleet.capacity.demand import FleetDemand, TenantDemand, count_tenants, demand_of
from fleet.database import Database
from fleet.errors import UnavailableError
from fleet.telemetry.logs import get_logger

# More open jobs than that are counted in the background.
MANY: Final = 10_000
# Then they are counted a twentieth of the time at most, while anybody asks.
_PAUSE_PER_COUNT: Final = 20
# A count that is still older was made when somebody else looked; the next reader waits for a new one.
_OLDEST_S: Final = 60.0

log = get_logger(__name__)


class CachedDemand:
    """The open jobs, counted now if they are few, else as they were a moment ago.

    Whether the fleet is paused, and its workers, are always those of now.
    """

    def __init__(self, database: Database, *, max_running: int | None, many: int = MANY) -> None:
        """Count nothing yet.

        Args:
            database: connections to Postgres.
            max_running: jobs that a tenant without a cap of its own may run at once; None: any number.
            many: with more open jobs than that, a count is kept.
        """
        self._database = database
        self._max_running = max_running
        self._many = many
        self._kept: tuple[TenantDemand, ...] = ()
        self._counted_at = -math.inf
        self._pause_s = 0.0
        self._counting: asyncio.Task[None] | None = None

    async def read(self) -> FleetDemand:
        """The open jobs.

        Raises:
            UnavailableError: Postgres does not answer.
        """
        age_s = time.monotonic() - self._counted_at
        if (
            sum(one.queued + one.running for one in self._kept) <= self._many
            or age_s > self._pause_s + _OLDEST_S
        ):
            await self._count()
        elif age_s > self._pause_s and (self._counting is None or self._counting.done()):
            self._counting = asyncio.create_task(self._count_later())
        return await demand_of(self._database, self._kept, counted_s=time.monotonic() - self._counted_at)

    def cancel(self) -> None:
        """Cancel a count in the background."""
        if self._counting is not None:
            self._counting.cancel()

    async def _count(self) -> None:
        began = time.monotonic()
        self._kept = await count_tenants(self._database, max_running=self._max_running)
        self._counted_at = time.monotonic()
        self._pause_s = _PAUSE_PER_COUNT * (self._counted_at - began)

    async def _count_later(self) -> None:
        try:
            await self._count()
        except UnavailableError as error:
            log.warning("cannot count the open jobs", error=repr(error.__cause__ or error))
