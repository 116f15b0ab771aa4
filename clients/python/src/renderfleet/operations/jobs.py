"""Jobs: make them, wait for them, get what they have made."""

import json
import math
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, TypeAlias

from renderfleet.error_types import JobFinished, job_failed
from renderfleet.errors import WaitingEnded
from renderfleet.http.retries import Budget, answered, document_of, error_of
from renderfleet.http.steps import Call, Operation
from renderfleet.models.comparisons import PictureComparison
from renderfleet.models.jobs import Attempt, BatchItem, Job
from renderfleet.models.webhooks import Delivery
from renderfleet.operations.lists import as_time, segment

# The longest wait of one call, below the time after which many proxies give a call up.
LONGEST_WAIT_S: Final = 30
# So many jobs are waited for at once by `as_completed`: a server has a bounded number of places for waiting.
WAITS_AT_ONCE: Final = 8
# How many jobs, and bytes of JSON, one batch holds (the API takes 100 and 16 MiB).
BATCH_JOBS: Final = 100
BATCH_BYTES: Final = 8 * 1024 * 1024

# The status of a batch of which no request is valid.
_ALL_REFUSED: Final = 422
# An artifact may have hundreds of megabytes.
DOWNLOAD_TIMEOUT_S: Final = 600.0

JobOrId: TypeAlias = Job | str


def id_of(job: JobOrId) -> str:
    """The id of a job."""
    return job if isinstance(job, str) else job.id


def path_of(job: JobOrId, *more: str) -> str:
    """The path of a job, or of something that belongs to it."""
    return "/".join(["/v1/jobs", segment(id_of(job)), *more])


def as_body(request: Mapping[str, Any]) -> dict[str, Any]:
    """A request as JSON: times are written as text."""
    return {name: as_time(value) if isinstance(value, datetime) else value for name, value in request.items()}


def submit(request: Mapping[str, Any], *, idempotency_key: str | None, budget: Budget) -> Operation[Job]:
    """Make a job. Sent again with the same key it stays one job, whatever breaks."""
    headers = {"Idempotency-Key": idempotency_key or str(uuid.uuid4())}
    call = Call("POST", "/v1/jobs", body=as_body(request), headers=headers)
    return Job.of(document_of((yield from answered(call, budget))))


def submit_batch(
    requests: Sequence[Mapping[str, Any]], *, idempotency_key: str | None, budget: Budget
) -> Operation[list[BatchItem]]:
    """Make many jobs, in as many calls as it takes. An invalid request keeps no other from being accepted."""
    key = idempotency_key or str(uuid.uuid4())
    items: list[BatchItem] = []
    for number, chunk in enumerate(_chunks([as_body(request) for request in requests])):
        headers = {"Idempotency-Key": f"{key}-{number}"}
        call = Call("POST", "/v1/jobs/batch", body={"jobs": chunk}, headers=headers, accepts=(_ALL_REFUSED,))
        answer = yield from answered(call, budget)
        document = document_of(answer)
        if "jobs" not in document:
            raise error_of(answer)
        items += [BatchItem.of(raw) for raw in document["jobs"]]
        budget.restart()
    return items


def _chunks(bodies: Sequence[dict[str, Any]]) -> Iterator[list[dict[str, Any]]]:
    chunk: list[dict[str, Any]] = []
    size = 0
    for body in bodies:
        length = len(json.dumps(body))
        if chunk and (len(chunk) == BATCH_JOBS or size + length > BATCH_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(body)
        size += length
    if chunk:
        yield chunk


def read(job: JobOrId, budget: Budget, *, wait_s: int = 0) -> Operation[Job]:
    """Read a job; with `wait_s` the server answers at its end, or after so many seconds."""
    query = {"wait": str(wait_s)} if wait_s else {}
    return Job.of(document_of((yield from answered(Call("GET", path_of(job), query), budget))))


def wait(job: JobOrId, *, timeout_s: float | None, budget: Budget) -> Operation[Job]:
    """Wait until a job has ended, however it ended.

    Raises:
        WaitingEnded: it has not ended within `timeout_s`. It goes on.
    """
    if isinstance(job, Job) and job.has_ended:
        return job
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    while True:
        left = LONGEST_WAIT_S if deadline is None else deadline - time.monotonic()
        found = yield from read(job, budget, wait_s=max(0, min(LONGEST_WAIT_S, math.ceil(left))))
        if found.has_ended:
            return found
        if deadline is not None and time.monotonic() >= deadline:
            raise WaitingEnded(found)
        budget.restart()


def succeed(job: JobOrId, *, timeout_s: float | None, budget: Budget) -> Operation[Job]:
    """Wait until a job has succeeded.

    Raises:
        JobFailed: it has ended in another way.
        WaitingEnded: it has not ended in time.
    """
    found = yield from wait(job, timeout_s=timeout_s, budget=budget)
    if not found.has_succeeded:
        raise job_failed(found)
    return found


def artifact(job: JobOrId, budget: Budget) -> Operation[bytes]:
    """The bytes that a job has made, through the API: its storage need not be reachable from here."""
    call = Call("GET", path_of(job, "artifact"), {"proxy": "true"}, timeout_s=DOWNLOAD_TIMEOUT_S)
    return (yield from answered(call, budget)).body


def evidence(job: JobOrId, budget: Budget) -> Operation[bytes]:
    """The zip that tells how a job came to its result."""
    call = Call("GET", path_of(job, "evidence"), {"proxy": "true"}, timeout_s=DOWNLOAD_TIMEOUT_S)
    return (yield from answered(call, budget)).body


def erase_artifact(job: JobOrId, budget: Budget) -> Operation[Job]:
    """Erase what a job has made, before its retention is over."""
    return Job.of(document_of((yield from answered(Call("DELETE", path_of(job, "artifact")), budget))))


def thumbnail(job: JobOrId, width_px: int | None, budget: Budget) -> Operation[bytes]:
    """A small WebP of a picture."""
    query = {} if width_px is None else {"width_px": str(width_px)}
    return (yield from answered(Call("GET", path_of(job, "thumbnail"), query), budget)).body


def compare(
    job: JobOrId, older: JobOrId, options: Mapping[str, Any], budget: Budget
) -> Operation[PictureComparison]:
    """How the picture of a job differs from an older one's."""
    call = Call("POST", path_of(job, "compare"), body={"with": id_of(older), **options})
    return PictureComparison.of(document_of((yield from answered(call, budget))))


def attempts(job: JobOrId, budget: Budget) -> Operation[list[Attempt]]:
    """The attempts of a job, oldest first."""
    document = document_of((yield from answered(Call("GET", path_of(job, "attempts")), budget)))
    return [Attempt.of(raw) for raw in document["attempts"]]


def deliveries(job: JobOrId, budget: Budget) -> Operation[list[Delivery]]:
    """The webhook messages about a job."""
    document = document_of((yield from answered(Call("GET", path_of(job, "deliveries")), budget)))
    return [Delivery.of(raw) for raw in document["deliveries"]]


def retry(job: JobOrId, credentials: Mapping[str, Any], budget: Budget) -> Operation[Job]:
    """Run an ended job again, as a new one.

    Args:
        job: the job.
        credentials: options that were erased when it ended, such as `headers`.
        budget: for trying again.
    """
    headers = {"Idempotency-Key": str(uuid.uuid4())}
    call = Call("POST", path_of(job, "retry"), body=dict(credentials) or None, headers=headers)
    return Job.of(document_of((yield from answered(call, budget))))


def move(job: JobOrId, priority: int, budget: Budget) -> Operation[Job]:
    """Give a queued job another priority."""
    call = Call("PATCH", path_of(job), body={"priority": priority})
    return Job.of(document_of((yield from answered(call, budget))))


def cancel(job: JobOrId, budget: Budget) -> Operation[Job]:
    """Cancel a job. One that is cancelled already is no error: the first try may have arrived unseen.

    Raises:
        JobFinished: it has ended in another way.
    """
    try:
        return Job.of(document_of((yield from answered(Call("DELETE", path_of(job)), budget))))
    except JobFinished:
        found = yield from read(job, budget)
        if found.status != "cancelled":
            raise
        return found
