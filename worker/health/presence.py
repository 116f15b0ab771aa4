"""Writes a worker's row in Postgres, and reads there whether the fleet is paused."""

import asyncio
import contextlib
import os
import socket
from typing import Final
from uuid import UUID

from fleet.database import Database
from fleet.errors import UnavailableError
from fleet.queue.arq_adapter import CarrierWorker
from fleet.telemetry.logs import get_logger
from fleet.workers import pause, registry
from worker.health.vitals import VitalsReporter
from worker.pool.pool import Pool

# The reason why this worker takes no jobs.
PAUSE: Final = "the fleet is paused"
# A worker that stops waits no longer than this for Postgres.
_LEAVE_TIMEOUT_S: Final = 2.0

log = get_logger(__name__)


class Presence:
    """Reports one worker to the fleet and applies the fleet's pause to it."""

    def __init__(
        self,
        worker_id: UUID,
        database: Database,
        carrier: CarrierWorker,
        pool: Pool,
        vitals: VitalsReporter,
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
        """Write the worker's row. A database that does not answer is logged."""
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
            log.warning("worker not reported to the fleet", error=repr(error.__cause__))

    async def leave(self) -> None:
        """Delete the worker's row. If Postgres does not answer, others see that the row grows old."""
        with contextlib.suppress(UnavailableError, TimeoutError):
            async with asyncio.timeout(_LEAVE_TIMEOUT_S):
                await registry.mark_stopped(self._database, self._worker_id)

    async def apply_pause(self) -> None:
        """Take no jobs while the fleet is paused: Postgres would refuse the claims anyway."""
        try:
            current = await pause.read(self._database)
        except UnavailableError as error:
            log.warning("cannot read whether the fleet is paused", error=repr(error.__cause__))
            return
        if current.paused_at is None:
            self._carrier.release(PAUSE)
        else:
            self._carrier.hold(PAUSE)
