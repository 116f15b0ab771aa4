"""Calls about jobs."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from datetime import datetime
from typing import Any, Unpack

from renderfleet.blocking.lists import all_pages
from renderfleet.blocking.runner import Runner
from renderfleet.errors import BatchRefused
from renderfleet.http.following import FollowingJob
from renderfleet.models.comparisons import PictureComparison
from renderfleet.models.jobs import Attempt, BatchItem, Job
from renderfleet.models.webhooks import Delivery
from renderfleet.operations import jobs
from renderfleet.operations.jobs import WAITS_AT_ONCE, JobOrId
from renderfleet.options import RenderOptions


class JobCalls:
    """`client.jobs`: jobs that are accepted now and end later."""

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def submit(
        self,
        request: Mapping[str, Any] | None = None,
        /,
        *,
        idempotency_key: str | None = None,
        **options: Unpack[RenderOptions],
    ) -> Job:
        """Make a job and return at once.

        Args:
            request: options as a mapping, for those that this version of the client does not know.
            idempotency_key: the same key and request give the same job; None: a new job.
            **options: what to render, and how.
        """
        body = {**(request or {}), **options}
        return self._runner.run(
            jobs.submit(body, idempotency_key=idempotency_key, budget=self._runner.budget)
        )

    def submit_many(
        self, requests: Iterable[Mapping[str, Any]], *, idempotency_key: str | None = None
    ) -> list[Job]:
        """Make many jobs, 100 in a call.

        Raises:
            BatchRefused: some requests are not valid; the jobs of the others are in its `items`.
        """
        items = self.submit_batch(list(requests), idempotency_key=idempotency_key)
        made = [item.job for item in items if item.job is not None]
        if len(made) < len(items):
            raise BatchRefused(items)
        return made

    def submit_batch(
        self, requests: Sequence[Mapping[str, Any]], *, idempotency_key: str | None = None
    ) -> list[BatchItem]:
        """Make many jobs, and learn of each request what became of it."""
        budget = self._runner.budget
        return self._runner.run(jobs.submit_batch(requests, idempotency_key=idempotency_key, budget=budget))

    def get(self, job: JobOrId) -> Job:
        """The job as it is now."""
        return self._runner.run(jobs.read(job, self._runner.budget))

    def wait(self, job: JobOrId, *, timeout_s: float | None = None) -> Job:
        """Wait until the job has ended, however it ended.

        Raises:
            WaitingEnded: it has not ended in time; it goes on.
        """
        return self._runner.run(jobs.wait(job, timeout_s=timeout_s, budget=self._runner.budget))

    def succeed(self, job: JobOrId, *, timeout_s: float | None = None) -> Job:
        """Wait until the job has succeeded.

        Raises:
            JobFailed: it failed, was cancelled or has expired.
            WaitingEnded: it has not ended in time; it goes on.
        """
        return self._runner.run(jobs.succeed(job, timeout_s=timeout_s, budget=self._runner.budget))

    def as_completed(self, jobs_: Iterable[JobOrId], *, timeout_s: float | None = None) -> Iterator[Job]:
        """The jobs as they end, however they end, the first one first.

        Raises:
            WaitingEnded: one has not ended in time; it goes on.
        """
        with ThreadPoolExecutor(WAITS_AT_ONCE) as pool:
            waits = [pool.submit(self.wait, job, timeout_s=timeout_s) for job in jobs_]
            try:
                for wait in as_completed(waits):
                    yield wait.result()
            finally:
                for wait in waits:
                    wait.cancel()

    def follow(self, job: JobOrId) -> Iterator[Job]:
        """The job as it is, then after each change, until it has ended.

        Raises:
            ApiError: there is no such job, or the server follows as many as it may.
            ServerUnreachable: the stream broke and could not be taken up again.
        """
        return self._runner.follow(FollowingJob(job))

    def iter(
        self,
        *,
        status: str | None = None,
        host: str | None = None,
        external_id: str | None = None,
        error_type: str | None = None,
        format: str | None = None,  # noqa: A002 - the API's own name
        schedule_id: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        quarantined: bool | None = None,
        limit: int | None = None,
    ) -> Iterator[Job]:
        """Your jobs, newest first; pages are read as they are needed. At most `limit` of them.

        `docs/jobs.md` of renderfleet says what the filters mean.
        """
        filters = {
            "status": status,
            "host": host,
            "external_id": external_id,
            "error_type": error_type,
            "format": format,
            "schedule_id": schedule_id,
            "since": since,
            "until": until,
            "quarantined": quarantined,
        }
        return all_pages(self._runner, "/v1/jobs", "jobs", Job, filters=filters, limit=limit)

    def artifact(self, job: JobOrId) -> bytes:
        """The bytes that the job has made."""
        return self._runner.run(jobs.artifact(job, self._runner.budget))

    def evidence(self, job: JobOrId) -> bytes:
        """The zip that tells how the job came to its result, if it was made with `evidence`."""
        return self._runner.run(jobs.evidence(job, self._runner.budget))

    def erase_artifact(self, job: JobOrId) -> Job:
        """Erase what the job has made, before its retention is over."""
        return self._runner.run(jobs.erase_artifact(job, self._runner.budget))

    def thumbnail(self, job: JobOrId, *, width_px: int | None = None) -> bytes:
        """A small WebP of the picture."""
        return self._runner.run(jobs.thumbnail(job, width_px, self._runner.budget))

    def compare(self, job: JobOrId, older: JobOrId, **options: Any) -> PictureComparison:
        """How the picture of the job differs from that of an older one.

        Args:
            job: the newer job.
            older: the older one.
            **options: `method`, `threshold`, `ignore_regions`.
        """
        return self._runner.run(jobs.compare(job, older, options, self._runner.budget))

    def attempts(self, job: JobOrId) -> list[Attempt]:
        """The attempts of the job, oldest first."""
        return self._runner.run(jobs.attempts(job, self._runner.budget))

    def deliveries(self, job: JobOrId) -> list[Delivery]:
        """The webhook messages about the job."""
        return self._runner.run(jobs.deliveries(job, self._runner.budget))

    def retry(self, job: JobOrId, **credentials: Any) -> Job:
        """Run an ended job again, as a new one; `credentials` are options that were erased at its end."""
        return self._runner.run(jobs.retry(job, credentials, self._runner.budget))

    def move(self, job: JobOrId, *, priority: int) -> Job:
        """Give a queued job another priority: 9 goes first, before others of your own.

        Raises:
            JobNotQueued: it runs, or has ended.
        """
        return self._runner.run(jobs.move(job, priority, self._runner.budget))

    def cancel(self, job: JobOrId) -> Job:
        """Cancel a job, queued or running.

        Raises:
            JobFinished: it has ended in another way.
        """
        return self._runner.run(jobs.cancel(job, self._runner.budget))
