"""One attempt, top to bottom: claim, render, store, record.

An attempt ends in exactly one of four ways: its outcome is recorded; the job is queued again for a retry; a
stopping worker puts the job back; or the fence refuses the result because another worker has the job by now.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from arq.connections import ArqRedis

from fleet.artifacts.keys import artifact_key
from fleet.artifacts.store import Artifacts
from fleet.database import Database, until_answered
from fleet.egress.policy import AddressPolicy
from fleet.errors import ErrorType, RenderError
from fleet.jobs import claim
from fleet.jobs.attempt import AttemptOutcome
from fleet.jobs.claim import JobAttempt
from fleet.jobs.job import State
from fleet.queue.announcements import announce_change
from fleet.queue.entry import QueueEntry
from fleet.render.request import RenderRequest
from fleet.render.stored import read_stored
from fleet.telemetry.logs import bind, get_logger
from fleet.telemetry.metrics import PICKUP_SECONDS, QUEUE_ENTRIES_DROPPED
from fleet.vault import Purpose, SecretOwner, Vault
from worker.attempts.comparison import Comparison
from worker.attempts.ending import AttemptPage, Ending, to_the_end
from worker.attempts.heartbeat import Heartbeat
from worker.egress.terms import Caps, Terms
from worker.pool.generation import EXTRA
from worker.pool.pool import Pool
from worker.pool.supervisor import NoPageError
from worker.render.pipeline import render
from worker.settings import EgressProxySettings

# A slow page and a hanging browser both cause timeouts. So before a job fails because of a timeout, a canary
# render checks that the browser works.
_MAY_BE_THE_BROWSERS: Final = frozenset((ErrorType.NAVIGATION_TIMEOUT, ErrorType.RENDER_TIMEOUT))

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class AttemptRunner:
    """Runs attempts. `worker/components.py` creates one, with everything that an attempt needs."""

    worker_id: UUID
    database: Database
    vault: Vault
    artifacts: Artifacts
    comparison: Comparison
    pool: Pool
    policy: AddressPolicy
    heartbeat: Heartbeat
    ending: Ending
    redis: ArqRedis
    lease: timedelta
    max_running_of_tenant: int | None
    folder: Path
    max_artifact_bytes: int
    egress: EgressProxySettings
    browser_works: Callable[[int | None], Awaitable[bool]]

    async def run(self, ctx: dict[str, Any]) -> None:
        """Attempt the job of one queue entry; arq calls this. Errors are recorded, not raised."""
        entry = QueueEntry.parse(ctx["job_id"])
        attempt = await self._claim(entry)
        if attempt is None:
            QUEUE_ENTRIES_DROPPED.inc()
            return
        PICKUP_SECONDS.observe(attempt.pickup_s)
        with bind(job_id=str(attempt.job_id), attempt=attempt.attempt):
            attempt_page = AttemptPage()
            work = asyncio.create_task(self._work(attempt, attempt_page))
            announcing = asyncio.create_task(announce_change(self.redis, attempt.job_id))
            with self.heartbeat.holding(attempt, work) as lease:
                try:
                    outcome = await work
                except asyncio.CancelledError:
                    await to_the_end(self.ending.interrupted(attempt, lease.interruption))
                except NoPageError:
                    await to_the_end(self.ending.interrupted(attempt, interruption=None))
                except Exception as error:  # noqa: BLE001 - the job must reach a state after any error
                    await to_the_end(self.ending.failed(attempt, error, attempt_page))
                else:
                    await to_the_end(self.ending.record(attempt, outcome))
            await announcing  # ended long ago, unless Redis does not answer

    async def _claim(self, entry: QueueEntry) -> JobAttempt | None:
        # Repeated until Postgres answers: if it gave up, the sweeper would only send the same entry again.
        return await until_answered(
            lambda: claim.claim(
                self.database,
                entry,
                worker_id=self.worker_id,
                lease=self.lease,
                max_running=self.max_running_of_tenant,
            ),
            failing="cannot claim",
            job_id=str(entry.job_id),
        )

    async def _work(self, attempt: JobAttempt, attempt_page: AttemptPage) -> AttemptOutcome:
        try:
            return await self._render_and_store(attempt, attempt_page)
        except RenderError as error:
            # In a browser of its own, only the page itself can be what keeps the browser from working.
            if error.type not in _MAY_BE_THE_BROWSERS or attempt_page.generation == EXTRA:
                raise
            if await self.browser_works(attempt_page.generation):
                raise
            detail = "the browser did not work when the page ran out of time"
            raise RenderError(ErrorType.BROWSER_UNAVAILABLE, detail) from error

    async def _render_and_store(self, attempt: JobAttempt, attempt_page: AttemptPage) -> AttemptOutcome:
        """Render and upload within `timeout_ms`, then compare pictures of a schedule."""
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
            async with asyncio.timeout(None) as deadline:
                # What has crashed once may do so again: then it hurts nobody else.
                alone = attempt.crash_count > 0
                async with self.pool.page_alone() if alone else self.pool.page() as page:
                    # Not before: a job is not to fail because the worker had to launch another browser.
                    deadline.reschedule(clock() + request.timeout_ms / 1000)
                    attempt_page.page = page
                    rendered = await render(page, request, path, terms, max_bytes=self.max_artifact_bytes)
                upload_started = clock()
                await self.artifacts.upload(path, key, content_type=rendered.artifact.content_type)
            ended = clock()
            compared = await self.comparison.compare(path, rendered.artifact, attempt.schedule_id)
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
            browser_generation=attempt_page.generation,
            memory_peak_bytes=attempt_page.memory_peak_bytes,
            artifact_key=key,
            artifact=replace(rendered.artifact, fingerprint=compared.fingerprint),
            page=rendered.page,
            timings_ms=timings,
            warnings=[*rendered.warnings, *compared.warnings],
            unchanged=compared.unchanged,
        )

    def _request(self, attempt: JobAttempt, policy: AddressPolicy) -> RenderRequest:
        owner = SecretOwner(Purpose.JOB, attempt.tenant_id, attempt.job_id)
        return read_stored(attempt.request, self.vault, owner=owner, policy=policy)
