"""Erases tenants that an operator has asked to erase, step by step. Every worker does this."""

from typing import Final

from arq.connections import ArqRedis

from fleet.artifacts.store import Artifacts
from fleet.database import Database
from fleet.erasure.request import ErasureStage
from fleet.erasure.steps import take_step
from fleet.errors import UnavailableError
from fleet.queue import dispatch
from fleet.queue.announcements import announce_cancel
from fleet.telemetry.logs import get_logger
from fleet.telemetry.metrics.of_worker import ERASED

INTERVAL_S: Final = 2.0

log = get_logger(__name__)


class TenantEraser:
    """One worker's share of erasing tenants."""

    def __init__(self, database: Database, redis: ArqRedis, artifacts: Artifacts) -> None:
        self._database = database
        self._redis = redis
        self._artifacts = artifacts

    async def erase(self) -> None:
        """Take all steps that are due. If Postgres or the store does not answer, the next call goes on."""
        try:
            while (done := await take_step(self._database, self._artifacts.delete_below)) is not None:
                await dispatch.withdraw(self._redis, *done.withdrawn)
                for job_id in done.to_cancel:
                    await announce_cancel(self._redis, job_id)
                if done.stage is ErasureStage.ERASED:
                    ERASED.labels("tenant").inc()
                    log.info("a tenant is erased")
        except UnavailableError as error:
            log.warning("erasing a tenant postponed", error=repr(error.__cause__))
