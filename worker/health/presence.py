"""What a worker tells the fleet of itself, and what the fleet tells it: that it is paused."""

import os
import socket
from typing import Final
from uuid import UUID

from fleet.database import Database
from fleet.errors import UnavailableError
from fleet.queue.arq_adapter import CarrierWorker
from fleet.telemetry.logs import get_logger
from fleet.workers import pause, registry
from worker.health.vitals import VitalSigns
from worker.pool.pool import Pool

# Why the carrier takes no jobs.
PAUSE: Final = "the fleet is paused"

log = get_logger(__name__)


class Presence:
    """One worker's row, and the row of the pause."""

    def __init__(
        self,
        worker_id: UUID,
        database: Database,
        carrier: CarrierWorker,
        pool: Pool,
        vitals: VitalSigns,
        *,
        slots: int,
    ) -> None:
        self._worker_id = worker_id
        self._database = database
        self._carrier = carrier
        self._pool = pool
        self._vitals = vitals
        self._slots = slots

    async def report(self) -> None:
        """Write the worker's row, unless Postgres is silent."""
        report = registry.WorkerReport(
            id=self._worker_id,
            hostname=socket.gethostname(),
            pid=os.getpid(),
            slots=self._slots,
            busy=self._pool.busy,
            browser_generation=self._pool.generation,
            browser_launched_at=self._pool.launched_at,
            vitals=self._vitals.report(),
        )
        try:
            await registry.report(self._database, report)
        except UnavailableError as error:
            log.warning("not reported", error=repr(error.__cause__))

    async def look_at_pause(self) -> None:
        """Take no jobs while the fleet is paused: claims would be refused anyway."""
        try:
            now = await pause.read(self._database)
        except UnavailableError as error:
            log.warning("cannot read whether the fleet is paused", error=repr(error.__cause__))
            return
        if now.paused_at is None:
            self._carrier.release(PAUSE)
        else:
            self._carrier.hold(PAUSE)
