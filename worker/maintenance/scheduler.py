"""Fires schedules. Every worker does it, so no leader is needed that could fail.

It sleeps until the next schedule is due, but never for long, because a schedule may be created or changed at
any time. Only the clock of Postgres counts, not the clock of this machine.
"""

import asyncio
import random
from collections.abc import Sequence
from typing import Final

from arq.connections import ArqRedis

from fleet.database import Database
from fleet.egress.policy import AddressPolicy
from fleet.errors import UnavailableError
from fleet.jobs.attempts.recover import mark_undispatched
from fleet.queue import dispatch
from fleet.queue.entry import QueuedJob
from fleet.schedules.fire import Fired, fire_due, seconds_to_next
from fleet.schedules.plan import ScheduleRefusal
from fleet.telemetry.logs import get_logger
from fleet.telemetry.metrics.of_worker import SCHEDULE_FIRES
from fleet.vault import Vault

_LONGEST_SLEEP_S: Final = 2.0
# Spreads workers that wake up at the same time.
_JITTER_S: Final = 0.2
# The pause when all due schedules are locked: other workers fire them, or their owners change them.
_LOCKED_PAUSE_S: Final = 0.2
_SCHEDULES_PER_STEP: Final = 10

log = get_logger(__name__)


class Scheduler:
    """Fires due schedules in one worker."""

    def __init__(
        self,
        database: Database,
        vault: Vault,
        redis: ArqRedis,
        policy: AddressPolicy,
        *,
        max_queued: int,
        max_renders_per_month: int = 0,
    ) -> None:
        """Fire nothing yet.

        Args:
            database: connections to Postgres.
            vault: seals and unseals the secrets of schedules and jobs.
            redis: where jobs are dispatched to.
            policy: the addresses that jobs of all tenants may reach.
            max_queued: how many queued jobs a tenant without a limit of its own may have; 0: any number.
            max_renders_per_month: how many jobs such a tenant may submit in a month; 0: any number.
        """
        self._database = database
        self._vault = vault
        self._redis = redis
        self._policy = policy
        self._max_queued = max_queued
        self._max_renders_per_month = max_renders_per_month
        self._redis_answers = True

    async def run(self) -> None:
        """Fire schedules for ever, also after outages of Postgres or Redis."""
        while True:
            pause_s = await self.fire_due()
            jitter_s = random.uniform(0, _JITTER_S)  # noqa: S311 - spreads load, guards nothing
            await asyncio.sleep(pause_s + jitter_s)

    async def fire_due(self) -> float:
        """Fire all schedules that are due. Returns after how many seconds to call this again."""
        self._redis_answers = True
        try:
            while True:
                wait_s = await seconds_to_next(self._database)
                if wait_s is None or wait_s > 0:
                    return _LONGEST_SLEEP_S if wait_s is None else min(wait_s, _LONGEST_SLEEP_S)
                fired = await fire_due(
                    self._database,
                    self._vault,
                    self._policy,
                    max_queued=self._max_queued,
                    limit=_SCHEDULES_PER_STEP,
                    max_renders_per_month=self._max_renders_per_month,
                )
                if not fired:
                    return _LOCKED_PAUSE_S
                for fire in fired:
                    _log(fire)
                await self._dispatch([fire.result for fire in fired if isinstance(fire.result, QueuedJob)])
        except UnavailableError as error:
            log.warning("cannot fire schedules", error=repr(error.__cause__))
            return _LONGEST_SLEEP_S

    async def _dispatch(self, made: Sequence[QueuedJob]) -> None:
        """Put jobs into the queue. Redis is tried once per call of `fire_due`: a failure takes seconds."""
        self._redis_answers = self._redis_answers and await dispatch.dispatch(self._redis, made)
        if not self._redis_answers:
            await mark_undispatched(self._database, [job.entry for job in made])


def _log(fire: Fired) -> None:
    facts = {"schedule_id": str(fire.schedule_id), "scheduled_for": fire.scheduled_for.isoformat()}
    if isinstance(fire.result, ScheduleRefusal):
        SCHEDULE_FIRES.labels(fire.result.type).inc()
        log.warning("schedule made no job", **facts, error_type=fire.result.type, detail=fire.result.detail)
    else:
        SCHEDULE_FIRES.labels("").inc()
        job_id = str(fire.result.entry.job_id)
        log.info("schedule fired", **facts, job_id=job_id, has_missed=fire.has_missed)
