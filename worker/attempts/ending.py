"""How an attempt ends in the database: recorded, queued again, handed back, or discarded.

Every write here is fenced (`fleet/jobs/attempt.py`), so repeating one is safe, and it is repeated until
Postgres answers.
"""

import asyncio
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Final, TypeVar

from arq.connections import ArqRedis

from fleet.artifacts.store import Artifacts
from fleet.database import Database, until_answered
from fleet.errors import ErrorType, RenderfleetError, UnavailableError
from fleet.jobs.attempt import AttemptOutcome, PutBack, finish, hand_back, retry_later
from fleet.jobs.claim import JobAttempt, unpark
from fleet.jobs.job import State
from fleet.queue import dispatch
from fleet.queue.announcements import announce_change
from fleet.telemetry.logs import get_logger
from fleet.telemetry.metrics import (
    ATTEMPTS_DISCARDED,
    ATTEMPTS_HANDED_BACK,
    ATTEMPTS_RETRIED,
    JOBS_FINISHED,
)
from worker.attempts import retry_policy
from worker.attempts.heartbeat import Interruption
from worker.browser.page import Page
from worker.resources.disk import FULL_DETAIL, means_full

T = TypeVar("T")

# A store that is silent must not hold the slot; the eraser comes by later.
_ERASE_TIMEOUT_S: Final = 5.0

log = get_logger(__name__)


@dataclass(slots=True)
class AttemptPage:
    """Where an attempt renders: the page, once it has one."""

    page: Page | None = None

    @property
    def generation(self) -> int | None:
        """Which browser of the worker."""
        return self.page.generation if self.page is not None else None

    @property
    def memory_peak_bytes(self) -> int | None:
        """The most that the page held."""
        return self.page.memory.peak_bytes if self.page is not None else None


@dataclass(frozen=True, slots=True)
class Ending:
    """Writes the ends of attempts; a method returns when its end is written, or refused by the fence."""

    database: Database
    redis: ArqRedis
    artifacts: Artifacts
    nudge_sender: Callable[[], None]

    async def interrupted(self, attempt: JobAttempt, interruption: Interruption | None) -> None:
        """End the attempt whose work was cancelled, by the heartbeat or by a stopping worker."""
        if interruption is Interruption.LEASE_LOST:
            ATTEMPTS_DISCARDED.inc()
            log.warning("attempt discarded: another worker has the job")
        elif interruption is Interruption.CANCEL_REQUESTED:
            await self.record(attempt, AttemptOutcome(State.CANCELLED))
        elif interruption is Interruption.EXPIRED:
            await self.record(attempt, AttemptOutcome(State.EXPIRED))
        else:
            await self._hand_back(attempt)

    async def _hand_back(self, attempt: JobAttempt) -> None:
        try:
            went = await hand_back(self.database, attempt)
        except UnavailableError as error:
            log.warning("not handed back, the lease will run out", error=repr(error.__cause__))
            return
        if went is None:
            self._refused()
            return
        ATTEMPTS_HANDED_BACK.inc()
        log.info("handed back by a stopping worker", state=went.state)
        await self._went(attempt, went)
        await self._make_room(attempt)

    async def _went(self, attempt: JobAttempt, went: PutBack, delay: timedelta = timedelta()) -> None:
        """After a job was put back: into the line now or later, or to its end."""
        if went.waiting is None:
            JOBS_FINISHED.labels(went.state, "").inc()
            self.nudge_sender()
        elif not delay:
            await dispatch.dispatch(self.redis, [went.waiting])
        await announce_change(self.redis, attempt.job_id)

    async def _make_room(self, attempt: JobAttempt) -> None:
        """Let the next job of a tenant go on that may run only so many at once."""
        if not attempt.is_capped:
            return
        try:
            freed = await unpark(self.database, attempt.tenant_id, count=1)
        except UnavailableError as error:
            log.warning("no parked job goes on, the sweeper will see", error=repr(error.__cause__))
            return
        await dispatch.dispatch(self.redis, freed)

    async def failed(self, attempt: JobAttempt, error: Exception, place: AttemptPage) -> None:
        """Queue the job again, or record the failure, as `worker/attempts/retry_policy.py` decides."""
        if means_full(error):
            log.error("no space is left on the disk", exc_info=error)
            error_type, detail = ErrorType.STORAGE_UNAVAILABLE, FULL_DETAIL
        elif isinstance(error, RenderfleetError):
            error_type, detail = error.type, error.detail
        else:
            error_type, detail = ErrorType.INTERNAL_ERROR, "an error that renderfleet does not know"
            log.error("unknown error in an attempt", exc_info=error)
        decision = retry_policy.decide(
            error_type,
            failure_count=attempt.failure_count,
            crash_count=attempt.crash_count,
            max_attempts=attempt.max_attempts,
            jitter=random.random(),  # noqa: S311 - spreads load, guards nothing
        )
        if decision is None:
            outcome = AttemptOutcome(
                State.FAILED,
                browser_generation=place.generation,
                memory_peak_bytes=place.memory_peak_bytes,
                error_type=error_type,
                error_detail=detail,
                is_quarantined=error_type in retry_policy.CRASHES,
            )
            await self.record(attempt, outcome)
            return
        went = await until_answered(
            lambda: retry_later(
                self.database,
                attempt,
                delay=decision.delay,
                is_crash=decision.is_crash,
                error_type=error_type,
                error_detail=detail,
            ),
            failing="cannot record yet",
        )
        if went is None:
            self._refused()
            return
        ATTEMPTS_RETRIED.labels(error_type).inc()
        log.warning(
            "attempt failed, trying again",
            error_type=error_type,
            detail=detail,
            delay_s=decision.delay.total_seconds(),
            generation=place.generation,
        )
        await self._went(attempt, went, decision.delay)
        await self._make_room(attempt)

    async def record(self, attempt: JobAttempt, outcome: AttemptOutcome) -> None:
        """End the job, and tell whoever waits."""
        if not await until_answered(
            lambda: finish(self.database, attempt, outcome), failing="cannot record yet"
        ):
            self._refused()
            if outcome.artifact_key is not None:
                await self._erase(outcome.artifact_key)
            return
        JOBS_FINISHED.labels(outcome.state, outcome.error_type or "").inc()
        log.info(
            "job ended",
            state=outcome.state,
            error_type=outcome.error_type,
            detail=outcome.error_detail,
            total_ms=(outcome.timings_ms or {}).get("total"),
            generation=outcome.browser_generation,
        )
        self.nudge_sender()
        await announce_change(self.redis, attempt.job_id)
        await self._make_room(attempt)

    def _refused(self) -> None:
        ATTEMPTS_DISCARDED.inc()
        log.warning("result discarded: the lease ran out and the job is no longer this attempt's")

    async def _erase(self, key: str) -> None:
        """Take away what was stored for a refused result: it is nobody's artifact."""
        try:
            async with asyncio.timeout(_ERASE_TIMEOUT_S):
                await self.artifacts.delete(key)
        except (UnavailableError, TimeoutError) as error:
            log.warning("orphan left for the eraser", key=key, error=repr(error.__cause__ or error))


async def to_the_end(recording: Coroutine[Any, Any, None]) -> None:
    """Let a recording finish even while this task is being cancelled: a render that is done stays done."""
    task = asyncio.ensure_future(recording)
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise
            log.debug("cancelled while recording, recording first")
    task.result()
