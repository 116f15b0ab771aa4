"""Moving a queued job ahead or back in its tenant's part of the line."""

from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from api.dependencies import Dependencies, OpenDependencies, Renderer
from api.http.json_answer import json_answer
from api.http.path_ids import JobId
from api.http.problems import RefusedError
from api.openapi.operations.jobs import MOVE_JOB
from api.openapi.operations.parts import problems
from fleet.errors import ErrorType
from fleet.jobs.document.job import JobDocument
from fleet.jobs.job import Job
from fleet.jobs.move import move
from fleet.queue.dispatch import reorder
from fleet.queue.entry import QueueEntry
from fleet.tenants.tenant import Tenant

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])


class JobMove(BaseModel):
    """The field of a queued job that PATCH changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    priority: int = Field(ge=0, le=9, description="9 goes first.")


@router.patch(
    "/{job_id}",
    response_model=JobDocument,
    openapi_extra=MOVE_JOB,
    **problems(401, 403, 404, 409, 413, 415, 422, 503),
)
async def move_job(
    request: Request, job_id: JobId, tenant: Renderer, dependencies: OpenDependencies
) -> Response:
    """Give a queued job another priority: it moves to where it would be had it come with that one.

    Each level passes at most 25 of your own jobs; turns between tenants do not change. A job that goes first
    because it had its turn before keeps its place. Its `request` says what was asked at first.
    """
    wish = await dependencies.document(request, JobMove, tenant)
    job = await move_now(dependencies, tenant, job_id, wish)
    return json_answer(dependencies.job_document(job))


async def move_now(dependencies: Dependencies, tenant: Tenant, job_id: UUID, wish: JobMove) -> Job:
    """Move a queued job; the job as it is then.

    Raises:
        RefusedError: there is no such job, or it does not wait any more.
        UnavailableError: Postgres does not answer.
    """
    moved = await move(dependencies.database, job_id=job_id, tenant_id=tenant.id, priority=wish.priority)
    if moved is None:
        found = await dependencies.job_of(tenant, job_id)
        raise RefusedError(
            ErrorType.JOB_NOT_QUEUED, f"the job {_words(found)}; only a queued one can be moved"
        )
    if moved.levels:
        await reorder(dependencies.redis, QueueEntry(job_id, moved.job.dispatch), levels=moved.levels)
    return moved.job


def _words(job: Job) -> str:
    return f"ended as {job.state.value}" if job.state.is_terminal else f"is {job.state.value}"
