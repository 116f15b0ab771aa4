"""Writes the end of an attempt into the database: recorded, queued again, put back, or discarded.

Every write is fenced (`fleet/jobs/attempts/attempt.py`), so it is safe to repeat. It is repeated until
Postgres answers.
"""

import asyncio
import random
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final, TypeVar

from arq.connections import ArqRedis

from fleet.artifacts.store import Artifacts
from fleet.database import Database, until_answered
from fleet.errors import ErrorType, RenderfleetError, UnavailableError
from fleet.jobs.attempts.attempt import AttemptOutcome, PutBack, finish, hand_back, requeue_failed
from fleet.jobs.attempts.claim import JobAttempt, unpark
from fleet.jobs.job import State
from fleet.queue import dispatch
from fleet.queue.announcements import announce_change
from fleet.telemetry.logs import get_logger
from fleet.telemetry.metrics.of_both import JOBS_FINISHED
from fleet.telemetry.metrics.of_worker import ATTEMPTS_DISCARDED, ATTEMPTS_HANDED_BACK, ATTEMPTS_RETRIED
from worker.attempts import retry_policy
from worker.attempts.evidence import AttemptEvidence, warning
from worker.attempts.heartbeat import Interruption
from worker.browser.page import Page
from worker.render.evidence.recorder import Ended
from worker.render.reports.last_look import Traces
from worker.resources.disk import FULL_DETAIL, means_full

T = TypeVar("T")

# A store that does not answer must not block the slot. What is left over is erased later by the eraser.
_ERASE_TIMEOUT_S: Final = 5.0

log = get_logger(__name__)


@dataclass(slots=True)
class AttemptPage:
    """The page in which an attempt renders.

    Attributes:
        page: the page itself; None until the attempt has one.
        evidence: what is kept of it; None: there is none yet, or none is wanted.
        traces: what its render has left, if it failed.
        timings_ms: what the attempt has taken so far besides its render: `queued`, `upload`, `total`.
    """

    page: Page | None = None
    evidence: AttemptEvidence | None = None
    traces: Traces = field(default_factory=Traces)
    timings_ms: dict[str, float] = field(default_factory=dict)

    @property
    def generation(self) -> int | None:
        """Generation of the browser that has the page."""
        return self.page.generation if self.page is not None else None

    @property
    def memory_peak_bytes(self) -> int | None:
        """The most memory that the page used."""
        return self.page.memory.peak_bytes if self.page is not None else None


@dataclass(frozen=True, slots=True)
class Ending:
    """Writes the ends of attempts. A method returns when the end is written or the fence has refused it.

    Attributes:
        wake_sender: makes the sender of webhooks read the outbox now.
    """

    database: Database
    redis: ArqRedis
    artifacts: Artifacts
    wake_sender: Callable[[], None]

    async def interrupted(self, attempt: JobAttempt, interruption: Interruption | None) -> None:
        """End an attempt whose work was cancelled: by the heartbeat, or because the worker stops."""
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
            put_back = await hand_back(self.database, attempt)
        except UnavailableError as error:
            log.warning(
                "job not put back, it is queued again when its lease runs out", error=repr(error.__cause__)
            )
            return
        if put_back is None:
            self._discarded()
            return
        ATTEMPTS_HANDED_BACK.inc()
        log.info("job put back, nothing is counted against it", state=put_back.state)
        await self._after_put_back(attempt, put_back)
        await self._dispatch_parked_job(attempt)

    async def _after_put_back(
        self, attempt: JobAttempt, put_back: PutBack, delay: timedelta = timedelta()
    ) -> None:
        """Dispatch the job if it may run now, and announce it. The sweeper dispatches jobs with a delay."""
        if put_back.queued is None:
            JOBS_FINISHED.labels(put_back.state, "").inc()
            self._tell_receiver(attempt)
        elif not delay:
            await dispatch.dispatch(self.redis, [put_back.queued])
        await announce_change(self.redis, attempt.job_id)

    async def _dispatch_parked_job(self, attempt: JobAttempt) -> None:
        """Dispatch a job that was parked because its tenant had as many running jobs as it may have."""
        if not attempt.is_capped:
            return
        try:
            unparked = await unpark(self.database, attempt.tenant_id, count=1)
        except UnavailableError as error:
            log.warning("no parked job dispatched, the sweeper will do it", error=repr(error.__cause__))
            return
        await dispatch.dispatch(self.redis, unparked)

    async def failed(self, attempt: JobAttempt, error: Exception, attempt_page: AttemptPage) -> None:
        """Queue the job again, or record the failure, as `worker/attempts/retry_policy.py` decides."""
        error_type, detail = _type_and_detail(error)
        decision = retry_policy.decide(
            error_type,
            failure_count=attempt.failure_count,
            crash_count=attempt.crash_count,
            max_attempts=attempt.max_attempts,
            jitter=random.random(),  # noqa: S311 - spreads load, guards nothing
        )
        if decision is None:
            await self._record_failure(attempt, error_type, detail, attempt_page)
            return
        put_back = await until_answered(
            lambda: requeue_failed(
                self.database,
                attempt,
                delay=decision.delay,
                is_crash=decision.is_crash,
                error_type=error_type,
                error_detail=detail,
            ),
            failing="cannot record yet",
        )
        if put_back is None:
            self._discarded()
            return
        ATTEMPTS_RETRIED.labels(error_type).inc()
        log.warning(
            "attempt failed, trying again",
            error_type=error_type,
            detail=detail,
            delay_s=decision.delay.total_seconds(),
            generation=attempt_page.generation,
        )
        await self._after_put_back(attempt, put_back, decision.delay)
        await self._dispatch_parked_job(attempt)

    async def _record_failure(
        self, attempt: JobAttempt, error_type: ErrorType, detail: str, attempt_page: AttemptPage
    ) -> None:
        """End the job without success, with its evidence and with what is known of its page."""
        evidence, traces = attempt_page.evidence, attempt_page.traces
        facts = None
        if evidence is not None:
            known = {"error": {"type": error_type, "detail": detail}, **traces.facts()}
            facts = await evidence.keep(Ended(State.FAILED, known))
        outcome = AttemptOutcome(
            State.FAILED,
            browser_generation=attempt_page.generation,
            memory_peak_bytes=attempt_page.memory_peak_bytes,
            error_type=error_type,
            error_detail=detail,
            page=traces.page,
            timings_ms=traces.timings_ms | attempt_page.timings_ms,
            warnings=[*traces.warnings, *warning(evidence, facts)],
            verdict=traces.verdict,
            is_quarantined=error_type in retry_policy.CRASHES,
            evidence=facts,
        )
        await self.record(attempt, outcome)

    async def record(self, attempt: JobAttempt, outcome: AttemptOutcome) -> None:
        """End the job, and announce it to the calls that wait for it."""
        if not await until_answered(
            lambda: finish(self.database, attempt, outcome), failing="cannot record yet"
        ):
            self._discarded()
            keys = (outcome.artifact_key, outcome.evidence.key if outcome.evidence is not None else None)
            for key in keys:
                if key is not None:
                    await self._erase(key)
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
        self._tell_receiver(attempt)
        await announce_change(self.redis, attempt.job_id)
        await self._dispatch_parked_job(attempt)

    def _tell_receiver(self, attempt: JobAttempt) -> None:
        """Have the message sent at once that the end of the job has put into the outbox, if it has one."""
        if attempt.has_webhook:
            self.wake_sender()

    def _discarded(self) -> None:
        ATTEMPTS_DISCARDED.inc()
        log.warning("result discarded: the lease ran out and the job is no longer this attempt's")

    async def _erase(self, key: str) -> None:
        """Erase the artifact of a discarded result: no job refers to it."""
        try:
            async with asyncio.timeout(_ERASE_TIMEOUT_S):
                await self.artifacts.delete(key)
        except (UnavailableError, TimeoutError) as error:
            log.warning(
                "artifact of a discarded result not erased, the eraser will do it",
                key=key,
                error=repr(error.__cause__ or error),
            )


def _type_and_detail(error: Exception) -> tuple[ErrorType, str]:
    """The type and the detail with which an error is recorded. Errors that are not expected are logged."""
    if means_full(error):
        log.error("no space is left on the disk", exc_info=error)
        return ErrorType.STORAGE_UNAVAILABLE, FULL_DETAIL
    if isinstance(error, RenderfleetError):
        return error.type, error.detail
    log.error("unknown error in an attempt", exc_info=error)
    return ErrorType.INTERNAL_ERROR, "an error that renderfleet does not know"


async def to_the_end(recording: Coroutine[Any, Any, None]) -> None:
    """Wait for a recording even if this task is cancelled meanwhile: a finished render must not be lost."""
    task = asyncio.ensure_future(recording)
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise
            log.debug("cancelled while recording, finishing the recording first")
    task.result()
