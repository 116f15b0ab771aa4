"""One attempt, top to bottom: claim, render, store, record.

An attempt ends in exactly one of four ways: its outcome is recorded; the job is queued again for a retry; a
stopping worker puts the job back; or the fence refuses the result because another worker has the job by now.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import asdict, dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from arq.connections import ArqRedis

from fleet.artifacts.store import Artifacts
from fleet.bundles import rows as bundles
from fleet.bundles.transfer import read_bundle
from fleet.database import Database, until_answered
from fleet.egress.policy import AddressPolicy
from fleet.errors import ErrorType, RenderError, UnavailableError
from fleet.jobs.attempts import claim
from fleet.jobs.attempts.attempt import AttemptOutcome
from fleet.jobs.attempts.claim import JobAttempt
from fleet.jobs.facts import EvidenceFacts
from fleet.jobs.job import State
from fleet.queue import dispatch
from fleet.queue.announcements import announce_beginning
from fleet.queue.entry import QueueEntry
from fleet.render.request import RenderRequest
from fleet.render.stored import read_stored
from fleet.telemetry.logs import bind, get_logger
from fleet.telemetry.metrics.of_worker import PICKUP_SECONDS, QUEUE_ENTRIES_DROPPED
from fleet.telemetry.traces import Side, TracedSpan, Value, continued, earlier_span, span
from fleet.vault import Purpose, SecretOwner, UnsealError, Vault
from worker.attempts.attempt_work import AttemptWork, outcome_of
from worker.attempts.comparison import Comparison
from worker.attempts.ending import AttemptPage, Ending, to_the_end
from worker.attempts.evidence import EvidenceKeeper, recorded
from worker.attempts.heartbeat import Heartbeat
from worker.attempts.own_pdfs import OwnPdfs
from worker.attempts.unpacked_files import ReadUpload, unpacked
from worker.blocking.filter_lists import FilterLists
from worker.egress.terms import Caps, Terms
from worker.pool.generation import OWN_BROWSER
from worker.pool.pool import Pool
from worker.pool.succession import NoPageError
from worker.render.evidence.recorder import Ended
from worker.render.evidence.replay import Replay
from worker.render.pipeline import Rendered, render
from worker.settings import EgressProxySettings

# A slow page and a hanging browser both cause timeouts. So before a job fails because of a timeout, a canary
# render checks that the browser works.
_MAY_BE_BROWSERS_FAULT: Final = frozenset((ErrorType.NAVIGATION_TIMEOUT, ErrorType.RENDER_TIMEOUT))

# What was being done when the time was over, by the page's stage.
_MEANWHILE: Final = {
    "context": ", while its page was prepared",
    "navigation": ", while the page was loaded",
    "readiness": ", while the page was waited for",
    "capture": ", while the page was captured",
    "upload": ", while the artifact was stored",
}

# When the time of a page is over, the worker looks at it once more, to tell what it still waited for. So its
# connections stay open for this long after the deadline.
_LAST_LOOK_S: Final = 5.0

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class AttemptRunner:
    """Runs attempts. `worker/components.py` creates one, with everything that an attempt needs."""

    worker_id: UUID
    database: Database
    vault: Vault
    artifacts: Artifacts
    comparison: Comparison
    own_pdfs: OwnPdfs
    evidence: EvidenceKeeper
    pool: Pool
    policy: AddressPolicy
    heartbeat: Heartbeat
    ending: Ending
    redis: ArqRedis
    lease: timedelta
    max_running_of_tenant: int | None
    folder: Path
    max_artifact_bytes: int
    lists: FilterLists
    egress: EgressProxySettings
    browser_works: Callable[[int | None], Awaitable[bool]]
    hold_if_paused: Callable[[], Awaitable[None]]

    async def run(self, ctx: dict[str, Any]) -> None:
        """Attempt the job of one queue entry; arq calls this. Errors are recorded, not raised."""
        entry = QueueEntry.parse(ctx["job_id"])
        attempt = await self._claim(entry)
        if attempt is None:
            await self._drop(entry)
            return
        PICKUP_SECONDS.observe(attempt.pickup_s)
        with bind(job_id=str(attempt.job_id), attempt=attempt.attempt), continued(attempt.traceparent):
            earlier_span("wait in queue", seconds=attempt.pickup_s)
            with span("attempt", **self._known_of(attempt)) as traced:
                await self._attempt(attempt, traced)

    async def _attempt(self, attempt: JobAttempt, traced: TracedSpan) -> None:
        attempt_page = AttemptPage()
        work = asyncio.create_task(self._work(attempt, attempt_page))
        announcing = asyncio.create_task(announce_beginning(self.redis, attempt.job_id))
        with self.heartbeat.holding(attempt, work) as lease:
            try:
                outcome = await work
            except asyncio.CancelledError:
                traced.fail("interrupted")
                await to_the_end(self.ending.interrupted(attempt, lease.interruption))
            except NoPageError:
                traced.fail("interrupted")
                await to_the_end(self.ending.interrupted(attempt, interruption=None))
            except Exception as error:  # noqa: BLE001 - the job must reach a state after any error
                traced.fail(error.type.value if isinstance(error, RenderError) else type(error).__name__)
                await to_the_end(self.ending.failed(attempt, error, attempt_page))
            else:
                with span("record"):
                    await to_the_end(self.ending.record(attempt, outcome))
            finally:
                if attempt_page.evidence is not None:
                    attempt_page.evidence.discard()
        await announcing  # ended long ago, unless Redis does not answer

    def _known_of(self, attempt: JobAttempt) -> dict[str, Value]:
        """What the span of an attempt says of it."""
        return {
            "job_id": str(attempt.job_id),
            "job_attempt": attempt.attempt,
            "tenant_id": str(attempt.tenant_id),
            "worker_id": str(self.worker_id),
        }

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

    async def _drop(self, entry: QueueEntry) -> None:
        """Count a queue entry that led to no attempt. If its job is still queued, make a new entry for it.

        The job may still be queued because the fleet was paused a moment ago. Then this worker first stops
        taking jobs; otherwise it would take the new entry, too.
        """
        QUEUE_ENTRIES_DROPPED.inc()
        try:
            waiting = await claim.queue_again(self.database, entry)
        except UnavailableError as error:
            log.warning(
                "a job may be queued without an entry in redis, the sweeper will make one",
                job_id=str(entry.job_id),
                error=repr(error.__cause__),
            )
            return
        if waiting is not None:
            await self.hold_if_paused()
            await dispatch.dispatch(self.redis, [waiting])

    async def _work(self, attempt: JobAttempt, attempt_page: AttemptPage) -> AttemptOutcome:
        try:
            return await self._render_and_store(attempt, attempt_page)
        except RenderError as error:
            # In a browser of its own, only the page itself can be what keeps the browser from working.
            if error.type not in _MAY_BE_BROWSERS_FAULT or attempt_page.generation == OWN_BROWSER:
                raise
            if await self.browser_works(attempt_page.generation):
                raise
            detail = "the browser did not work when the page ran out of time"
            raise RenderError(ErrorType.BROWSER_UNAVAILABLE, detail) from error

    async def _render_and_store(self, attempt: JobAttempt, attempt_page: AttemptPage) -> AttemptOutcome:
        """Render and upload within `timeout_ms`, then compare pictures of a schedule."""
        policy = self.policy.for_tenant(attempt.egress_allow, attempt.egress_deny)
        request = self._request(attempt, policy)
        work = AttemptWork(attempt, attempt_page, request, self.folder)
        clock = asyncio.get_running_loop().time
        started = clock()
        timings_ms = attempt_page.timings_ms
        timings_ms["queued"] = _ms(attempt.queued_s)
        try:
            async with (
                asyncio.timeout(None) as deadline,
                unpacked(request.files, work.files_folder, self._upload_of(attempt)) as bundle,
                self.evidence.replay_of(attempt) as replay,
            ):
                caps = Caps.from_settings(self.egress, max_s=request.timeout_ms / 1000 + _LAST_LOOK_S)
                terms = Terms(policy, caps=caps, own_site=bundle)
                rendered = await self._rendered(work, terms, deadline, replay)
                upload_started = clock()
                kept = await self._stored(work, rendered)
            timings_ms["upload"] = _ms(clock() - upload_started)
            timings_ms["total"] = _ms(clock() - started)
            compared = await self.comparison.compare(work.path, rendered.artifact, attempt)
        except TimeoutError as error:
            if not deadline.expired():
                raise
            raise _out_of_time(request, attempt_page) from error
        finally:
            timings_ms.setdefault("total", _ms(clock() - started))
            work.path.unlink(missing_ok=True)
        return outcome_of(work, rendered, compared, kept)

    async def _rendered(
        self, work: AttemptWork, terms: Terms, deadline: asyncio.Timeout, replay: Replay | None
    ) -> Rendered:
        """Render on a page of the pool; the time of the attempt runs from when there is one."""
        attempt, attempt_page, request = work.attempt, work.attempt_page, work.request
        ignored = await self.comparison.ignored_selectors(attempt.schedule_id)
        # A job that has crashed once may do so again. In a browser of its own it harms no other job.
        alone = attempt.crash_count > 0
        async with self.pool.page_alone() if alone else self.pool.page() as page:
            # Not before: a job must not fail because the worker first had to launch a browser.
            deadline.reschedule(asyncio.get_running_loop().time() + request.timeout_ms / 1000)
            attempt_page.page = page
            earlier_span("wait for a page", seconds=page.waited_s)
            attempt_page.evidence = evidence = self.evidence.of(attempt, request, page)
            async with recorded(evidence, deadline):
                return await render(
                    page,
                    request,
                    work.path,
                    terms,
                    max_bytes=self.max_artifact_bytes,
                    lists=self.lists,
                    fetch_own_pdfs=partial(self.own_pdfs.fetch, attempt.tenant_id),
                    ignored_selectors=ignored,
                    recorder=evidence.recorder if evidence is not None else None,
                    replay=replay,
                    deadline=deadline,
                    traces=attempt_page.traces,
                )

    async def _stored(self, work: AttemptWork, rendered: Rendered) -> EvidenceFacts | None:
        """Store the artifact, and the evidence if there is some."""
        if work.attempt_page.page is not None:
            work.attempt_page.page.stage = "upload"
        evidence = work.attempt_page.evidence
        kept = await evidence.keep(_succeeded(rendered)) if evidence is not None else None
        with span("upload", Side.CLIENT):
            await self.artifacts.upload(work.path, work.key, content_type=rendered.artifact.content_type)
        return kept

    def _upload_of(self, attempt: JobAttempt) -> ReadUpload:
        """Reads the files that were uploaded for a job."""

        async def read(size_bytes: int) -> AsyncGenerator[bytes, None]:
            if attempt.bundle_id is None:
                raise UnsealError
            bundle = await bundles.find(
                self.database, self.vault, tenant_id=attempt.tenant_id, bundle_id=attempt.bundle_id
            )
            async for piece in read_bundle(self.artifacts, bundle, size_bytes):
                yield piece

        return read

    def _request(self, attempt: JobAttempt, policy: AddressPolicy) -> RenderRequest:
        owner = SecretOwner(Purpose.JOB, attempt.tenant_id, attempt.job_id)
        return read_stored(attempt.request, self.vault, owner=owner, policy=policy)


def _succeeded(rendered: Rendered) -> Ended:
    facts = {
        "artifact": asdict(rendered.artifact),
        "page": asdict(rendered.page),
        "timings_ms": rendered.timings_ms,
        "warnings": rendered.warnings,
        "verdict": rendered.verdict.model_dump() if rendered.verdict is not None else None,
    }
    return Ended(State.SUCCEEDED, facts)


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)


def _out_of_time(request: RenderRequest, attempt_page: AttemptPage) -> RenderError:
    """The error of an attempt that has reached its deadline: what was being done, and what was waited for."""
    stage = attempt_page.page.stage if attempt_page.page is not None else ""
    detail = f"the attempt took longer than timeout_ms = {request.timeout_ms}{_MEANWHILE.get(stage, '')}"
    return RenderError(ErrorType.RENDER_TIMEOUT, detail + attempt_page.traces.still_open)
