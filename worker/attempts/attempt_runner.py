"""One attempt, top to bottom: claim, render, store, record.

Whatever happens in between, exactly one of four things ends it: the outcome is recorded, the job is queued
again, the job is handed back by a stopping worker, or the fence says that it is somebody else's by now.
"""

import asyncio
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from arq.connections import ArqRedis
from pydantic import ValidationError

from fleet.artifacts.keys import artifact_key
from fleet.artifacts.store import Artifacts
from fleet.database import Database, until_answered
from fleet.egress.policy import AddressPolicy
from fleet.errors import ErrorType, RenderError
from fleet.field_errors import in_words
from fleet.jobs import claim
from fleet.jobs.attempt import AttemptOutcome
from fleet.jobs.claim import JobAttempt
from fleet.jobs.job import State
from fleet.queue import dispatch
from fleet.queue.announcements import announce_change
from fleet.queue.delivery import Delivery
from fleet.render.options.source import EGRESS_CONTEXT
from fleet.render.request import RenderRequest
from fleet.telemetry.logs import bind, get_logger
from fleet.telemetry.metrics import DELIVERIES_DROPPED, PICKUP_SECONDS
from fleet.vault import Purpose, SecretOwner, Vault
from worker.attempts.comparison import Comparison
from worker.attempts.ending import AttemptPage, Ending, to_the_end
from worker.attempts.heartbeat import Heartbeat
from worker.attempts.isolation import Solitude
from worker.egress.terms import Caps, Terms
from worker.pool.pool import Pool
from worker.pool.supervisor import BrokenPoolError
from worker.render.pipeline import render
from worker.settings import EgressProxySettings

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class AttemptRunner:
    """Everything that an attempt needs, wired once by `worker/main.py`."""

    worker_id: UUID
    database: Database
    vault: Vault
    artifacts: Artifacts
    comparison: Comparison
    pool: Pool
    policy: AddressPolicy
    heartbeat: Heartbeat
    ending: Ending
    solitude: Solitude
    redis: ArqRedis
    lease: timedelta
    max_running_of_tenant: int | None
    folder: Path
    max_artifact_bytes: int
    egress: EgressProxySettings

    async def run(self, ctx: dict[str, Any]) -> None:
        """Execute one delivery; this is the function that arq calls. Raises nothing but bugs."""
        delivery = dispatch.parse_delivery_id(ctx["job_id"])
        attempt = await self._claim(delivery)
        if attempt is None:
            DELIVERIES_DROPPED.inc()
            return
        PICKUP_SECONDS.observe(attempt.pickup_s)
        with bind(job_id=str(attempt.job_id), attempt=attempt.attempt):
            place = AttemptPage()
            work = asyncio.create_task(self._work(attempt, place))
            telling = asyncio.create_task(announce_change(self.redis, attempt.job_id))
            with self.heartbeat.holding(attempt, work) as lease:
                try:
                    outcome = await work
                except asyncio.CancelledError:
                    await to_the_end(self.ending.interrupted(attempt, lease.interruption))
                except BrokenPoolError:
                    await to_the_end(self.ending.interrupted(attempt, interruption=None))
                except Exception as error:  # noqa: BLE001 - whatever it was, the job must reach a state
                    await to_the_end(self.ending.failed(attempt, error, place))
                else:
                    await to_the_end(self.ending.record(attempt, outcome))
            await telling  # done long ago, unless Redis is silent

    async def _claim(self, delivery: Delivery) -> JobAttempt | None:
        # Letting go would only make the sweeper send the same id again.
        return await until_answered(
            lambda: claim.claim(
                self.database,
                delivery,
                worker_id=self.worker_id,
                lease=self.lease,
                max_running=self.max_running_of_tenant,
            ),
            failing="cannot claim",
            job_id=str(delivery.job_id),
        )

    async def _work(self, attempt: JobAttempt, place: AttemptPage) -> AttemptOutcome:
        async with self.solitude.place(alone=attempt.crash_count > 0):
            return await self._render_and_store(attempt, place)

    async def _render_and_store(self, attempt: JobAttempt, place: AttemptPage) -> AttemptOutcome:
        """The work itself, under the attempt's one deadline."""
        policy = self.policy.for_tenant(attempt.egress_allow, attempt.egress_deny)
        request = self._request(attempt, policy)
        caps = Caps.from_settings(self.egress, max_s=request.timeout_ms / 1000)
        terms = Terms(policy, caps=caps)
        key = artifact_key(
            attempt.tenant_id, attempt.job_id, attempt.attempt, attempt.created_at, request.format.value
        )
        path = self.folder / f"{attempt.job_id}-{attempt.attempt}.{request.format.value}"
        clock = asyncio.get_running_loop().time
        started = clock()
        try:
            async with asyncio.timeout(request.timeout_ms / 1000) as deadline:
                async with self.pool.page() as page:
                    place.page = page
                    rendered = await render(page, request, path, terms, max_bytes=self.max_artifact_bytes)
                upload_started = clock()
                await self.artifacts.upload(path, key, content_type=rendered.artifact.content_type)
            ended = clock()
            verdict = await self.comparison.judge(path, rendered.artifact, attempt.schedule_id)
        except TimeoutError as error:
            if not deadline.expired():
                raise
            detail = f"the attempt took longer than timeout_ms = {request.timeout_ms}"
            raise RenderError(ErrorType.RENDER_TIMEOUT, detail) from error
        finally:
            path.unlink(missing_ok=True)
        timings = {
            "queued": round(attempt.queued_s * 1000, 1),
            **rendered.timings_ms,
            "upload": round((ended - upload_started) * 1000, 1),
            "total": round((ended - started) * 1000, 1),
        }
        return AttemptOutcome(
            state=State.SUCCEEDED,
            browser_generation=place.generation,
            memory_peak_bytes=place.memory_peak_bytes,
            artifact_key=key,
            artifact=replace(rendered.artifact, fingerprint=verdict.fingerprint),
            page=rendered.page,
            timings_ms=timings,
            warnings=[*rendered.warnings, *verdict.warnings],
            unchanged=verdict.unchanged,
        )

    def _request(self, attempt: JobAttempt, policy: AddressPolicy) -> RenderRequest:
        owner = SecretOwner(Purpose.JOB, attempt.tenant_id, attempt.job_id)
        request_json = attempt.request.unseal(self.vault, owner)
        try:
            return RenderRequest.model_validate_json(request_json, context={EGRESS_CONTEXT: policy})
        except ValidationError as error:
            # Accepted by another release, or under other lists of what is reachable than this worker's.
            is_blocked = all(found["type"] == ErrorType.URL_BLOCKED for found in error.errors())
            type_ = ErrorType.URL_BLOCKED if is_blocked else ErrorType.INVALID_REQUEST
            raise RenderError(type_, in_words(error, RenderRequest)) from error
