"""A job's changes as Server-Sent Events."""

from collections.abc import Callable
from dataclasses import replace

from starlette.types import Receive, Scope, Send

from api.http.event_source import KEEPALIVE, EventSource
from api.jobs.moments import Moment, moments_until
from api.jobs.waiters import News, Waiters
from fleet.artifacts.keys import SignedAddress
from fleet.jobs.document.job import JobDocument
from fleet.jobs.job import Job, State
from fleet.telemetry.logs import get_logger
from fleet.tenants.tenant import Tenant

log = get_logger(__name__)


class EventStream(EventSource):
    """The state of a job, then each change of it, until the job ends.

    The stream ends earlier if the caller closes the connection, its API key does not work any more, or the
    process stops.

    Events that a caller does not read are not stored: an event is written after the one before it has been
    sent. If a caller takes nothing for `keepalive_s`, its stream is cut.
    """

    def __init__(
        self,
        job: Job,
        *,
        tenant: Tenant,
        seen: Moment | None,
        waiters: Waiters,
        sign: Callable[[Job], SignedAddress | None],
        keepalive_s: float,
    ) -> None:
        super().__init__(keepalive_s=keepalive_s)
        self._job_id = job.id
        self._tenant = tenant
        self._first: News | None = News(job)
        self._seen = seen
        self._waiters = waiters
        self._sign = sign

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        with self._waiters.watch(self._job_id, tenant=self._tenant, is_for_end=False) as watch:
            try:
                await self.begin(send)
                # Do not keep the row: there may be thousands of streams, and none needs it again.
                first, self._first = self._first, None
                await self._tell(first, send)
                del first
                while not (watch.is_over or (self._seen is not None and self._seen.state.is_terminal)):
                    if not await watch.wait(timeout_s=self._keepalive_s, receive=receive):
                        return
                    if watch.is_shut_out:
                        break
                    if not await self._tell(watch.news, send) and not watch.is_over:
                        await self.put(send, KEEPALIVE)
                await self.end(send)
            except TimeoutError:
                log.info("a caller takes no events, its stream is cut", job_id=str(self._job_id))

    async def _tell(self, news: News | None, send: Send) -> bool:
        """Send the events since the last one. Returns whether there were any."""
        if news is None:
            return False
        before = self._seen
        for moment in moments_until(Moment.of(news.job), seen=before):
            text = news.texts.get(moment)
            if text is None:
                text = news.texts[moment] = event(news.job, moment, self._sign)
            await self.put(send, text)
            self._seen = moment
        return self._seen != before


def event(job: Job, moment: Moment, sign: Callable[[Job], SignedAddress | None]) -> bytes:
    """One event: a moment of this job, with the job document as it was then (see `job_at`)."""
    then = job_at(job, moment)
    data = JobDocument.of(then, sign(then)).model_dump_json()  # on one line: JSON escapes line breaks
    return f"id: {moment}\nevent: {moment.state}\ndata: {data}\n\n".encode()


def job_at(job: Job, moment: Moment) -> Job:
    """The job as it was at an earlier moment. Fields whose earlier values are not stored are empty."""
    if moment == Moment.of(job):
        return job
    # When and where its last attempt began is still known.
    is_last_attempt = moment.state is State.RUNNING and moment.attempt == job.attempt
    return replace(
        job,
        state=moment.state,
        attempt=moment.attempt,
        started_at=job.started_at if is_last_attempt else None,
        worker_id=job.worker_id if is_last_attempt else None,
        finished_at=None,
        artifact_key=None,
        artifact=None,
        artifact_erased_at=None,
        erase_at=None,
        error_type=None,
        error_detail=None,
        page=None,
        timings_ms=None,
        memory_peak_bytes=None,
        browser_generation=None,
        warnings=[],
        quarantined_at=None,
        unchanged=None,
        blocked=None,
    )
