"""A job's changes as Server-Sent Events (WHATWG HTML, "Server-sent events").

FastAPI's own EventSourceResponse needs four tasks and two queues for each caller. There are thousands of
callers here, so each one has only the task of its call.
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from api.jobs.moments import Moment, moments_until
from api.jobs.waiters import News, Waiters
from fleet.artifacts.keys import SignedAddress
from fleet.jobs.document import JobDocument
from fleet.jobs.job import Job, State
from fleet.telemetry.logs import get_logger
from fleet.tenants.tenant import Tenant

# A line that begins with a colon is a comment: it keeps proxies from closing a silent connection.
_KEEPALIVE: Final = b":\n\n"

log = get_logger(__name__)


class EventStream(Response):
    """The state of a job, then each change of it, until the job ends.

    The stream ends earlier if the caller closes the connection, its API key does not work any more, or the
    process stops.

    Events that a caller does not read are not stored: an event is written after the one before it has been
    sent. If a caller takes nothing for `keepalive_s`, its stream is cut.
    """

    media_type = "text/event-stream"

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
        # nginx holds answers back to write them in larger pieces, unless X-Accel-Buffering forbids it.
        headers = {"Content-Type": self.media_type, "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(headers=headers)
        del self.headers["Content-Length"]
        self._job_id = job.id
        self._tenant = tenant
        self._first: News | None = News(job)
        self._seen = seen
        self._waiters = waiters
        self._sign = sign
        self._keepalive_s = keepalive_s

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        with self._waiters.watch(self._job_id, tenant=self._tenant, is_for_end=False) as watch:
            try:
                await self._put(
                    send, {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
                )
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
                        await self._put(send, _body(_KEEPALIVE))
                await self._put(send, _body(b"", more=False))
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
            await self._put(send, _body(text))
            self._seen = moment
        return self._seen != before

    async def _put(self, send: Send, message: Message) -> None:
        async with asyncio.timeout(self._keepalive_s):
            await send(message)


def _body(text: bytes, *, more: bool = True) -> Message:
    return {"type": "http.response.body", "body": text, "more_body": more}


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
    )
