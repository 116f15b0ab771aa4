"""Jobs: enqueue, read, list, wait, cancel."""

from contextlib import nullcontext
from typing import Annotated, Final
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import Field
from starlette.responses import Response

from api.dependencies import (
    Dependencies,
    OpenDependencies,
    Parameters,
    Reader,
    Renderer,
    dependencies_of,
)
from api.http.json_answer import json_answer
from api.http.path_ids import JobId
from api.http.prefer import MAX_WAIT_S, preferred_wait_s
from api.http.problems import (
    RefusedError,
)
from api.jobs.waiters import wait_for
from api.openapi.operations.jobs import CANCEL_JOB, CREATE_JOB
from api.openapi.operations.parts import problems
from api.routes.jobs.create.asked import enqueue_asked
from api.routes.jobs.create.enqueue import job_answer
from api.routes.jobs.files.inline import STATUSES, inline_answer, wants_bytes
from api.routes.jobs.reading.filters import JobListParameters
from fleet.errors import ErrorType
from fleet.jobs.cancel import cancel
from fleet.jobs.document.job import JobDocument, JobListDocument
from fleet.jobs.job import Job
from fleet.jobs.listing import list_newest
from fleet.queue.announcements import announce_cancel, announce_change
from fleet.queue.dispatch import withdraw
from fleet.queue.entry import QueueEntry
from fleet.telemetry.metrics.of_both import JOBS_FINISHED
from fleet.tenants.tenant import Scope, Tenant

# A worker closes the page of a cancelled job in some milliseconds.
_CANCEL_WAIT_S: Final = 1.0

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])


@router.post("", openapi_extra=CREATE_JOB, **problems(*STATUSES))
async def create_job(request: Request) -> Response:
    """Enqueue a render. The job is durable when this answers.

    The same `Idempotency-Key` with the same request gives the same job; with another request it is refused.
    `Prefer: wait=N` waits up to N seconds (60 at most) and answers 200 with the job if it ends in time.
    With `cache_ttl_s`, a job that has rendered the same is the answer, with 200 and `Renderfleet-Cache: hit`.
    If the job has ended and `Accept` wants its media type more than JSON, as `Accept: image/*` does, the
    answer is the artifact itself, or the job's error, as `POST /v1/screenshot` answers.
    """
    # A plain endpoint: FastAPI's own reading and checking of the body would double the cost of a POST.
    dependencies = dependencies_of(request)
    tenant = await dependencies.caller(request, Scope.RENDER)
    wait_s = preferred_wait_s(request.headers.getlist("prefer"))
    enqueued = await enqueue_asked(request, dependencies, tenant, wait_s=wait_s)
    if enqueued.job.state.is_terminal and wants_bytes(request, enqueued.job):
        return await inline_answer(request, dependencies, enqueued.job, enqueued.headers)
    return job_answer(dependencies, enqueued.job, wait_s, enqueued.headers)


class ReadParameters(Parameters):
    """Parameters of reading one job."""

    wait: int = Field(
        default=0, ge=0, le=MAX_WAIT_S, description="Seconds to wait for the job's end before answering."
    )


@router.get("/{job_id}", response_model=JobDocument, **problems(401, 403, 404, 422, 503))
async def read_job(
    request: Request,
    job_id: JobId,
    tenant: Reader,
    dependencies: OpenDependencies,
    parameters: Annotated[ReadParameters, Query()],
) -> Response:
    """Read a job. With `wait`, answer as soon as it ends, or after so many seconds as it is then."""
    watch = dependencies.waiters.watch(job_id, tenant=tenant) if parameters.wait else nullcontext()
    with watch as end:
        job = await dependencies.job_of(tenant, job_id)
        if end is not None and not job.state.is_terminal:
            job = await wait_for(end, timeout_s=parameters.wait, receive=request.receive) or job
    return json_answer(dependencies.job_document(job))


@router.delete(
    "/{job_id}",
    response_model=JobDocument,
    openapi_extra=CANCEL_JOB,
    **problems(401, 403, 404, 409, 422, 503),
)
async def cancel_job(
    request: Request, job_id: JobId, tenant: Renderer, dependencies: OpenDependencies
) -> Response:
    """Cancel a job. A queued one has ended when this answers (200).

    A running one is stopped, its page closed and its slot freed, which takes some milliseconds. This waits a
    second for it, or as long as `Prefer: wait=N` says, and answers 202 if that was not enough.
    """
    wait_s = preferred_wait_s(request.headers.getlist("prefer"))
    with dependencies.waiters.watch(job_id, tenant=tenant) as end:
        job = await cancel_now(dependencies, tenant, job_id)
        if not job.state.is_terminal:
            seconds = _CANCEL_WAIT_S if wait_s is None else wait_s
            job = await wait_for(end, timeout_s=seconds, receive=request.receive) or job
    return job_answer(dependencies, job, wait_s)


async def cancel_now(dependencies: Dependencies, tenant: Tenant, job_id: UUID) -> Job:
    """Cancel a job without waiting for the end of a running one; the job as it is then.

    Raises:
        RefusedError: there is no such job, or it has ended.
        UnavailableError: Postgres does not answer.
    """
    job = await cancel(dependencies.database, job_id=job_id, tenant_id=tenant.id)
    if job is None:
        ended = await dependencies.job_of(tenant, job_id)
        raise RefusedError(ErrorType.JOB_FINISHED, f"the job ended as {ended.state.value}")
    if job.state.is_terminal:
        JOBS_FINISHED.labels(job.state, "").inc()
        await withdraw(dependencies.redis, QueueEntry(job.id, job.dispatch))
        await announce_change(dependencies.redis, job.id)
    else:
        await announce_cancel(dependencies.redis, job.id)
    return job


@router.get("", response_model=JobListDocument, **problems(401, 403, 422, 503))
async def list_jobs(
    tenant: Reader, dependencies: OpenDependencies, parameters: Annotated[JobListParameters, Query()]
) -> Response:
    """List your jobs, newest first. New jobs do not move entries from one page to another.

    With several filters, jobs are listed to which all of them apply. A cursor belongs to the same filters.
    """
    found = await list_newest(
        dependencies.database,
        tenant_id=tenant.id,
        filters=parameters.filters,
        before=parameters.before,
        limit=parameters.limit_to_read,
    )
    page = parameters.page_of(found, lambda job: job.id)
    documents = [JobDocument.of(job) for job in page.items]
    return json_answer(JobListDocument(jobs=documents, next_cursor=page.next_cursor))
