"""One attempt, top to bottom: claim, render, store, record.

Whatever happens in between, exactly one of four things ends it: the outcome is recorded, the job is queued
again, the job is handed back by a stopping worker, or the fence says that it is somebody else's by now.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, TypeVar
from uuid import UUID

from arq.connections import ArqRedis
from pydantic import ValidationError

from fleet import attempts, dispatch
from fleet.addresses import AddressPolicy
from fleet.announcements import announce_end
from fleet.artifacts import Artifacts, artifact_key
from fleet.attempts import Attempt, Outcome
from fleet.database import Pool as Database
from fleet.errors import ErrorType, RenderError, RenderfleetError, UnavailableError
from fleet.jobs import Delivery, State
from fleet.logs import bind, get_logger
from fleet.metrics import (
    ATTEMPTS_DISCARDED,
    ATTEMPTS_HANDED_BACK,
    ATTEMPTS_RETRIED,
    DELIVERIES_DROPPED,
    JOBS_FINISHED,
    PICKUP_SECONDS,
)
from fleet.request import RenderRequest
from worker import retry
from worker.egress.guard import Guard
from worker.heartbeat import Heartbeat, Interruption
from worker.pipeline import render
from worker.pool import Pool

T = TypeVar("T")

# While Postgres is away nothing can be recorded; the leases outlive short outages, and waiting costs nothing.
_DATABASE_RETRY_S: Final = 0.5

log = get_logger(__name__)


@dataclass(slots=True)
class _Place:
    """Where an attempt renders: the browser generation, None until it has a page."""

    generation: int | None = None


@dataclass(frozen=True, slots=True)
class Attempts:
    """Everything that an attempt needs, wired once by `worker/main.py`."""

    worker_id: UUID
    database: Database
    redis: ArqRedis
    artifacts: Artifacts
    pool: Pool
    guard: Guard
    policy: AddressPolicy
    heartbeat: Heartbeat
    lease: timedelta
    folder: Path
    max_artifact_bytes: int

    async def run(self, ctx: dict[str, Any]) -> None:
        """Execute one delivery; this is the function that arq calls. Raises nothing but bugs."""
        delivery = dispatch.parse_delivery_id(ctx["job_id"])
        attempt = await self._claim(delivery)
        if attempt is None:
            DELIVERIES_DROPPED.inc()
            return
        PICKUP_SECONDS.observe(attempt.pickup_s)
        with bind(job_id=str(attempt.job_id), attempt=attempt.attempt):
            place = _Place()
            work = asyncio.create_task(self._render_and_store(attempt, place))
            with self.heartbeat.holding(attempt, work) as lease:
                try:
                    outcome = await work
                except asyncio.CancelledError:
                    await _to_the_end(self._interrupted(attempt, lease.interruption))
                except Exception as error:  # noqa: BLE001 - whatever it was, the job must reach a state
                    await _to_the_end(self._failed(attempt, error, place))
                else:
                    await _to_the_end(self._record(attempt, outcome))

    async def _claim(self, delivery: Delivery) -> Attempt | None:
        while True:
            try:
                return await attempts.claim(
                    self.database, delivery, worker_id=self.worker_id, lease=self.lease
                )
            except UnavailableError as error:
                # Letting go would only make the sweeper send the same id again.
                log.warning("cannot claim", job_id=str(delivery.job_id), error=repr(error.__cause__))
                await asyncio.sleep(_DATABASE_RETRY_S)

    async def _render_and_store(self, attempt: Attempt, place: _Place) -> Outcome:
        """The work itself, under the attempt's one deadline."""
        request = self._request(attempt)
        key = artifact_key(
            attempt.tenant_id, attempt.job_id, attempt.attempt, attempt.created_at, request.format.value
        )
        path = self.folder / f"{attempt.job_id}-{attempt.attempt}.{request.format.value}"
        clock = asyncio.get_running_loop().time
        started = clock()
        try:
            async with asyncio.timeout(request.timeout_ms / 1000):
                async with self.pool.page() as page:
                    place.generation = page.generation
                    rendered = await render(
                        page, request, path, self.guard, max_bytes=self.max_artifact_bytes
                    )
                upload_started = clock()
                await self.artifacts.upload(path, key, content_type=rendered.content_type)
        except TimeoutError as error:
            detail = f"the attempt took longer than timeout_ms = {request.timeout_ms}"
            raise RenderError(ErrorType.RENDER_TIMEOUT, detail) from error
        finally:
            path.unlink(missing_ok=True)
        timings = {
            "queued": round(attempt.queued_s * 1000, 1),
            **rendered.timings_ms,
            "upload": round((clock() - upload_started) * 1000, 1),
            "total": round((clock() - started) * 1000, 1),
        }
        return Outcome(
            state=State.SUCCEEDED,
            browser_generation=place.generation,
            artifact_key=key,
            artifact={
                "content_type": rendered.content_type,
                "size_bytes": rendered.size_bytes,
                "sha256": rendered.sha256,
                "width_px": rendered.width_px,
                "height_px": rendered.height_px,
                "pages": rendered.pages,
            },
            page={
                "final_url": rendered.facts.final_url,
                "http_status": rendered.facts.http_status,
                "title": rendered.facts.title,
            },
            timings_ms=timings,
            warnings=rendered.warnings,
        )

    def _request(self, attempt: Attempt) -> RenderRequest:
        try:
            return RenderRequest.model_validate_json(attempt.request_json, context={"egress": self.policy})
        except ValidationError as error:
            # Accepted by another release, or under another EGRESS_ALLOW than this worker's.
            detail = "; ".join(finding["msg"] for finding in error.errors(include_input=False))
            raise RenderError(ErrorType.INVALID_REQUEST, detail) from error

    async def _interrupted(self, attempt: Attempt, interruption: Interruption | None) -> None:
        if interruption is Interruption.LEASE_LOST:
            ATTEMPTS_DISCARDED.inc()
            log.warning("attempt discarded: another worker has the job")
        elif interruption is Interruption.CANCEL_REQUESTED:
            await self._record(attempt, Outcome(State.CANCELLED))
        else:
            await self._hand_back(attempt)

    async def _hand_back(self, attempt: Attempt) -> None:
        try:
            delivery = await attempts.hand_back(self.database, attempt)
        except UnavailableError as error:
            log.warning("not handed back, the lease will run out", error=repr(error.__cause__))
            return
        if delivery is not None:
            ATTEMPTS_HANDED_BACK.inc()
            log.info("handed back by a stopping worker")
            await dispatch.dispatch(self.redis, [delivery])

    async def _failed(self, attempt: Attempt, error: Exception, place: _Place) -> None:
        """Queue the job again, or record the failure, as `worker/retry.py` decides."""
        if isinstance(error, RenderfleetError):
            error_type, detail = error.type, error.detail
        else:
            error_type, detail = ErrorType.INTERNAL_ERROR, "an error that renderfleet does not know"
            log.error("unknown error in an attempt", exc_info=error)
        decision = retry.decide(
            error_type,
            failure_count=attempt.failure_count,
            crash_count=attempt.crash_count,
            max_attempts=attempt.max_attempts,
            jitter=random.random(),  # noqa: S311 - spreads load, guards nothing
        )
        if decision is None:
            outcome = Outcome(
                State.FAILED,
                browser_generation=place.generation,
                error_type=error_type,
                error_detail=detail,
            )
            await self._record(attempt, outcome)
            return
        delivery = await self._insist(
            lambda: attempts.retry_later(
                self.database,
                attempt,
                delay=decision.delay,
                is_crash=decision.is_crash,
                error_type=error_type,
                error_detail=detail,
            )
        )
        if delivery is None:
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
        if not decision.delay:
            await dispatch.dispatch(self.redis, [delivery])

    async def _record(self, attempt: Attempt, outcome: Outcome) -> None:
        if not await self._insist(lambda: attempts.finish(self.database, attempt, outcome)):
            self._refused()
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
        await announce_end(self.redis, attempt.job_id)

    def _refused(self) -> None:
        ATTEMPTS_DISCARDED.inc()
        log.warning("result discarded: the lease ran out and the job is no longer this attempt's")

    async def _insist(self, write: Callable[[], Awaitable[T]]) -> T:
        """Repeat a fenced write until Postgres answers: the fence makes repeating safe."""
        while True:
            try:
                return await write()
            except UnavailableError as error:
                log.warning("cannot record yet", error=repr(error.__cause__))
                await asyncio.sleep(_DATABASE_RETRY_S)


async def _to_the_end(recording: Coroutine[Any, Any, None]) -> None:
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
