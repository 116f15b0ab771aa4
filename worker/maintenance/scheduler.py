"""Fires schedules: every worker, so that there is no leader to lose.

It sleeps until the next time that Postgres knows of, and never long: a schedule may be made or changed at any
moment. The clock of this machine is not asked.
"""

import asyncio
import random
from collections.abc import Sequence
from typing import Final

from arq.connections import ArqRedis

from fleet.database import Database
from fleet.egress.policy import AddressPolicy
from fleet.errors import UnavailableError
from fleet.jobs.recover import mark_undispatched
from fleet.queue import dispatch
from fleet.queue.delivery import Waiting
from fleet.schedules.fire import Fired, fire_due, seconds_to_next
from fleet.schedules.plan import ScheduleRefusal
from fleet.telemetry.logs import get_logger
from fleet.telemetry.metrics import SCHEDULE_FIRES
from fleet.vault import Vault

_LONGEST_SLEEP_S: Final = 2.0
# Also what spreads workers that wake for the same time.
_JITTER_S: Final = 0.2
# Others are firing what is due, or its owner is changing it.
_TAKEN_S: Final = 0.2
_AT_ONCE: Final = 10

log = get_logger(__name__)


class Scheduler:
    """One worker's share of the firing."""

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
        """Know what firing needs.

        Args:
            database: connections to Postgres.
            vault: for what schedules hold as secret.
            redis: where jobs are dispatched to.
            policy: which addresses everybody's jobs reach.
            max_queued: jobs that a tenant without a limit of its own may have queued; 0: any number.
            max_renders_per_month: jobs that such a tenant may have accepted in a month; 0: any number.
        """
        self._database = database
        self._vault = vault
        self._redis = redis
        self._policy = policy
        self._max_queued = max_queued
        self._max_renders_per_month = max_renders_per_month
        self._redis_answers = True

    async def run(self) -> None:
        """Fire for ever, through any outage of Postgres or Redis."""
        while True:
            pause_s = await self.look()
            jitter_s = random.uniform(0, _JITTER_S)  # noqa: S311 - spreads load, guards nothing
            await asyncio.sleep(pause_s + jitter_s)

    async def look(self) -> float:
        """Fire what is due; the seconds until there may be more."""
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
                    limit=_AT_ONCE,
                    max_renders_per_month=self._max_renders_per_month,
                )
                if not fired:
                    return _TAKEN_S
                for fire in fired:
                    _tell(fire)
                await self._hand_over([fire.result for fire in fired if isinstance(fire.result, Waiting)])
        except UnavailableError as error:
            log.warning("cannot fire schedules", error=repr(error.__cause__))
            return _LONGEST_SLEEP_S

    async def _hand_over(self, made: Sequence[Waiting]) -> None:
        """Into the line. A Redis that is silent is not asked again in this look: each time costs seconds."""
        self._redis_answers = self._redis_answers and await dispatch.dispatch(self._redis, made)
        if not self._redis_answers:
            await mark_undispatched(self._database, [waiting.delivery for waiting in made])


def _tell(fire: Fired) -> None:
    facts = {"schedule_id": str(fire.schedule_id), "scheduled_for": fire.scheduled_for.isoformat()}
    if isinstance(fire.result, ScheduleRefusal):
        SCHEDULE_FIRES.labels(fire.result.type).inc()
        log.warning("schedule made no job", **facts, error_type=fire.result.type, detail=fire.result.detail)
    else:
        SCHEDULE_FIRES.labels("").inc()
        job_id = str(fire.result.delivery.job_id)
        log.info("schedule fired", **facts, job_id=job_id, has_missed=fire.has_missed)
