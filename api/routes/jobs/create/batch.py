"""Many jobs in one call."""

import asyncio
from http import HTTPStatus
from typing import Any, Final

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from starlette.responses import Response

from api.dependencies import Dependencies, dependencies_of
from api.http.json_answer import json_answer
from api.http.problems import (
    Problem,
    RefusedError,
    problem_of,
    refused_field,
    refused_input,
    request_id_of,
)
from api.http.request_body import BodyLimits, read_json_body
from api.openapi.operations.jobs import CREATE_BATCH
from api.openapi.operations.parts import problems
from api.routes.jobs.create.enqueue import idempotency_key
from api.routes.jobs.create.own_pdfs import require_own_pdfs
from fleet.errors import ErrorType
from fleet.jobs.create.accept_batch import (
    BatchAcceptance,
    BatchKey,
    ItemRefusal,
    accept_batch,
    digest_of,
    find_batch,
)
from fleet.jobs.document.job import JobDocument
from fleet.jobs.job import Job
from fleet.render.request import RenderRequest
from fleet.telemetry.metrics.of_api import JOBS_ACCEPTED
from fleet.tenants.tenant import Scope, Tenant

MAX_JOBS: Final = 100
MAX_VALUES_OF_ALL: Final = 100_000  # parsing them takes 40 ms

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])


class BatchRequest(BaseModel):
    """The body. Its items are looked at one by one."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    jobs: list[Any] = Field(min_length=1, max_length=MAX_JOBS)


class BatchItemDocument(BaseModel):
    """What became of one item: `job` or `error`, the other one is null."""

    status: int = Field(
        description="What a POST of this item alone would be answered with.", examples=[202, 422]
    )
    job: JobDocument | None
    error: Problem | None


class BatchDocument(BaseModel):
    """One answer for each item, in the order of the request."""

    jobs: list[BatchItemDocument]


@router.post(
    "/batch",
    status_code=HTTPStatus.ACCEPTED,
    response_model=BatchDocument,
    openapi_extra=CREATE_BATCH,
    **problems(401, 403, 413, 415, 422, 429, 503),
)
async def create_batch(request: Request) -> Response:
    """Enqueue up to 100 renders: the valid ones are stored together, or none of them.

    An item that is not valid is refused by itself and keeps no other from being accepted. With an
    `Idempotency-Key` the same body gives the same jobs and the same refusals.
    """
    dependencies = dependencies_of(request)
    tenant = await dependencies.caller(request, Scope.RENDER)
    key = idempotency_key(request)
    documents = await _read_documents(request, dependencies)
    batch_key = None if key is None else BatchKey(key, digest_of(documents))
    items = await _judged(documents, dependencies, tenant, request_id_of(request))
    accepted = await find_batch(dependencies.database, dependencies.vault, tenant_id=tenant.id, key=batch_key)
    if accepted is None:
        accepted = await _accept(dependencies, tenant, items, batch_key)
    if accepted.is_new:
        JOBS_ACCEPTED.inc(len(accepted.jobs))
        await dependencies.handover.hand_over(accepted.jobs, weight=tenant.weight)
    return _answer(accepted, request_id_of(request))


async def _read_documents(request: Request, dependencies: Dependencies) -> list[Any]:
    settings = dependencies.settings.api
    # All of it, escapes too: reading it takes so much memory and time.
    limits = BodyLimits(
        max_bytes=settings.api_max_batch_bytes,
        max_bytes_sent=settings.api_max_batch_bytes,
        timeout_s=settings.api_body_timeout_s,
        max_values=MAX_VALUES_OF_ALL,
    )
    body = await read_json_body(request, limits)
    try:
        return BatchRequest.model_validate_json(body).jobs
    except ValidationError as error:
        raise refused_input(error, BatchRequest) from None


async def _judged(
    documents: list[Any], dependencies: Dependencies, tenant: Tenant, request_id: str
) -> list[RenderRequest | ItemRefusal]:
    """Each item validated by itself; other calls get their turn between two of them."""
    context = dependencies.validation_for(tenant)
    items: list[RenderRequest | ItemRefusal] = []
    for document in documents:
        try:
            render = _validated(document, context)
            await require_own_pdfs(dependencies, tenant, render)
            items.append(render)
        except RefusedError as refusal:
            problem = problem_of(refusal, request_id)
            items.append(problem.model_dump(mode="json", exclude={"request_id"}))
        await asyncio.sleep(0)
    return items


def _validated(document: object, context: dict[str, Any]) -> RenderRequest:
    if not isinstance(document, dict):
        raise refused_field(None, "the item must be an object", allowed="a request as for POST /v1/jobs")
    try:
        request = RenderRequest.model_validate(document, context=context)
    except ValidationError as error:
        raise refused_input(error, RenderRequest) from None
    if request.cache_ttl_s:
        raise refused_field("cache_ttl_s", "is for single jobs", allowed="0")
    return request


async def _accept(
    dependencies: Dependencies, tenant: Tenant, items: list[RenderRequest | ItemRefusal], key: BatchKey | None
) -> BatchAcceptance:
    """Store the valid items, within the tenant's quota. If none is valid, the key stays free."""
    refusals = [item for item in items if not isinstance(item, RenderRequest)]
    if len(refusals) == len(items):
        return BatchAcceptance(refusals, is_new=False)
    async with dependencies.quotas.admitted(tenant, jobs=len(items) - len(refusals)):
        return await accept_batch(
            dependencies.database, dependencies.vault, tenant_id=tenant.id, items=items, key=key
        )


def _answer(accepted: BatchAcceptance, request_id: str) -> Response:
    """202 while a job is open, 200 when all have ended, 422 when there is none."""
    document = BatchDocument(jobs=[_item(item, request_id) for item in accepted.items])
    if not accepted.jobs:
        status = HTTPStatus.UNPROCESSABLE_ENTITY
    elif all(job.state.is_terminal for job in accepted.jobs):
        status = HTTPStatus.OK
    else:
        status = HTTPStatus.ACCEPTED
    return json_answer(document, status)


def _item(item: Job | ItemRefusal | None, request_id: str) -> BatchItemDocument:
    if isinstance(item, Job):
        status = HTTPStatus.OK if item.state.is_terminal else HTTPStatus.ACCEPTED
        return BatchItemDocument(status=status.value, job=JobDocument.of(item), error=None)
    if item is None:
        gone = RefusedError(ErrorType.NOT_FOUND, "the job ended long ago and is forgotten")
        problem = problem_of(gone, request_id)
    else:
        problem = Problem.model_validate({**item, "request_id": request_id})
    return BatchItemDocument(status=problem.status, job=None, error=problem)
