"""Schedules: they make jobs at the times of a cron expression."""

import json
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Self
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from api.dependencies import Dependencies, OpenDependencies, Reader, Renderer
from api.http.json_answer import json_answer
from api.http.path_ids import SCHEDULE, ScheduleId
from api.http.prefer import preferred_wait_s
from api.http.problems import RefusedError, not_found, refused_input
from api.openapi.operations.parts import problems
from api.openapi.operations.schedules import CREATE_SCHEDULE, REPLACE_SCHEDULE, RUN_SCHEDULE, SWITCH_SCHEDULE
from api.routes.jobs.create.enqueue import hand_over, job_answer
from api.routes.jobs.create.own_pdfs import require_own_pdfs
from api.routes.paging import PageParameters
from fleet.errors import ErrorType
from fleet.jobs.create.accept import Acceptance
from fleet.render.request import RenderRequest
from fleet.render.stored import StoredRequestError, read_stored
from fleet.schedules import schedule as schedules
from fleet.schedules.request import CompareOptions, Deliver, ScheduleRequest
from fleet.schedules.run_now import find_template, run_now
from fleet.schedules.schedule import MAX_SCHEDULES_OF_TENANT, Schedule
from fleet.tenants.tenant import Tenant
from fleet.vault import Purpose, SecretOwner

router = APIRouter(prefix="/v1/schedules", tags=["schedules"])


class ScheduleErrorDocument(BaseModel):
    """Why no job was made at the last time."""

    type: ErrorType = Field(description="The stable name of the error.")
    detail: str = Field(description="What happened.")
    at: datetime = Field(description="When it happened.")


class ScheduleLinksDocument(BaseModel):
    """Paths on this server."""

    self: str
    jobs: str = Field(description="Its jobs, newest first.")
    last_job: str | None = Field(description="Its newest job; null before the first.")


class ScheduleDocument(BaseModel):
    """A schedule. Every field is always there."""

    id: UUID = Field(description="The schedule's id, a UUIDv7.")
    name: str | None = Field(description="Your own name for it.")
    cron: str = Field(description="The cron expression.")
    timezone: str = Field(description="The time zone of `cron`.")
    job: dict[str, Any] | None = Field(
        description="What is rendered, without secrets and without options that have their default. In lists "
        "it is null if it is longer than 4 KiB."
    )
    sealed_fields: list[str] = Field(
        description="The fields of `job` that are secret and not shown again, such as `html`. A PUT has to "
        "send them again."
    )
    deliver: Deliver = Field(description="always or when_changed.")
    compare: CompareOptions | None = Field(description="With when_changed: when two pictures are equal.")
    enabled: bool = Field(description="Whether it makes jobs.")
    next_fires: list[datetime] = Field(description="The next three times; none while it is disabled.")
    last_fired_at: datetime | None = Field(description="When it last made a job.")
    last_job_id: UUID | None = Field(description="The job that it made last.")
    last_error: ScheduleErrorDocument | None = Field(
        description="Why no job was made at the last time; null if one was made."
    )
    created_at: datetime = Field(description="When it was made.")
    links: ScheduleLinksDocument

    @classmethod
    def of(cls, schedule: Schedule) -> Self:
        """The document of a schedule."""
        return cls(
            id=schedule.id,
            name=schedule.name,
            cron=schedule.cron,
            timezone=schedule.timezone,
            job=None if schedule.request is None else json.loads(schedule.request),
            sealed_fields=schedule.sealed_fields or [],
            deliver=schedule.deliver,
            compare=_compare(schedule),
            enabled=schedule.enabled,
            next_fires=schedule.next_fires,
            last_fired_at=schedule.last_fired_at,
            last_job_id=schedule.last_job_id,
            last_error=_last_error(schedule),
            created_at=schedule.created_at,
            links=_links(schedule),
        )


class ScheduleListDocument(BaseModel):
    """A page of schedules, newest first."""

    schedules: list[ScheduleDocument]
    next_cursor: str | None = Field(description="`cursor` for the next page; null on the last page.")


class ScheduleSwitch(BaseModel):
    """The field that PATCH changes."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: bool = Field(description="Whether it makes jobs.")


@router.post(
    "",
    status_code=HTTPStatus.CREATED,
    response_model=ScheduleDocument,
    openapi_extra=CREATE_SCHEDULE,
    **problems(401, 403, 409, 413, 415, 422, 503),
)
async def create_schedule(request: Request, tenant: Renderer, dependencies: OpenDependencies) -> Response:
    """Make a schedule. At each time of its cron expression it makes one job.

    If times were missed because nothing ran, one job is made for the latest of them. With `deliver`:
    `when_changed`, webhooks are sent only for pictures that differ from the last one that was delivered.
    """
    wanted = await dependencies.document(request, ScheduleRequest, tenant)
    await require_own_pdfs(dependencies, tenant, wanted.job)
    schedule = await schedules.create(
        dependencies.database, dependencies.vault, tenant_id=tenant.id, wanted=wanted
    )
    if schedule is None:
        raise RefusedError(
            ErrorType.TOO_MANY_SCHEDULES,
            f"you have {MAX_SCHEDULES_OF_TENANT:,} schedules, which is the most; delete one first",
        )
    return json_answer(ScheduleDocument.of(schedule), HTTPStatus.CREATED, {"Location": _path(schedule)})


@router.get("", response_model=ScheduleListDocument, **problems(401, 403, 422, 503))
async def list_schedules(
    tenant: Reader, dependencies: OpenDependencies, parameters: Annotated[PageParameters, Query()]
) -> Response:
    """List your schedules, newest first."""
    found = await schedules.list_newest(
        dependencies.database,
        tenant_id=tenant.id,
        before=parameters.before,
        limit=parameters.limit_to_read,
    )
    page = parameters.page_of(found, lambda schedule: schedule.id)
    documents = [ScheduleDocument.of(schedule) for schedule in page.items]
    return json_answer(ScheduleListDocument(schedules=documents, next_cursor=page.next_cursor))


@router.get("/{schedule_id}", response_model=ScheduleDocument, **problems(401, 403, 404, 422, 503))
async def read_schedule(schedule_id: ScheduleId, tenant: Reader, dependencies: OpenDependencies) -> Response:
    """Read a schedule, with its next times, and with the error of the last time if there was one."""
    found = await schedules.get(dependencies.database, schedule_id=schedule_id, tenant_id=tenant.id)
    return _found(found)


@router.put(
    "/{schedule_id}",
    response_model=ScheduleDocument,
    openapi_extra=REPLACE_SCHEDULE,
    **problems(401, 403, 404, 413, 415, 422, 503),
)
async def replace_schedule(
    request: Request, schedule_id: ScheduleId, tenant: Renderer, dependencies: OpenDependencies
) -> Response:
    """Replace a schedule by another one with the same id. The jobs that it has made stay as they are.

    If `job`, `deliver` or `compare` are not the same as before, the next picture counts as changed.
    """
    wanted = await dependencies.document(request, ScheduleRequest, tenant)
    await require_own_pdfs(dependencies, tenant, wanted.job)
    found = await schedules.replace(
        dependencies.database, dependencies.vault, schedule_id=schedule_id, tenant_id=tenant.id, wanted=wanted
    )
    return _found(found)


@router.patch(
    "/{schedule_id}",
    response_model=ScheduleDocument,
    openapi_extra=SWITCH_SCHEDULE,
    **problems(401, 403, 404, 413, 415, 422, 503),
)
async def switch_schedule(
    request: Request, schedule_id: ScheduleId, tenant: Renderer, dependencies: OpenDependencies
) -> Response:
    """Disable a schedule, or enable it again from its next time on. Missed times are skipped."""
    wish = await dependencies.document(request, ScheduleSwitch, tenant)
    found = await schedules.switch(
        dependencies.database, schedule_id=schedule_id, tenant_id=tenant.id, enabled=wish.enabled
    )
    return _found(found)


@router.post("/{schedule_id}/run", openapi_extra=RUN_SCHEDULE, **problems(401, 403, 404, 409, 422, 429, 503))
async def run_schedule(
    request: Request, schedule_id: ScheduleId, tenant: Renderer, dependencies: OpenDependencies
) -> Response:
    """Make a job from a schedule now. The regular times of the schedule do not change.

    Its picture is compared and delivered like the others. A disabled schedule can be run, too. Each call
    makes a job; `Prefer: wait=N` as in `POST /v1/jobs`.
    """
    accepted = await accept_run(dependencies, tenant, schedule_id)
    wait_s = preferred_wait_s(request.headers.getlist("prefer"))
    job = await hand_over(request, dependencies, tenant, accepted, wait_s=wait_s)
    return job_answer(dependencies, job, wait_s)


async def accept_run(dependencies: Dependencies, tenant: Tenant, schedule_id: UUID) -> Acceptance:
    """Accept a job of a schedule now, within all limits; it is not handed over yet.

    Raises:
        RefusedError: there is no such schedule, its request is not valid any more, or a limit is reached.
        fleet.vault.UnsealError: its secrets cannot be read.
        UnavailableError: Postgres does not answer.
    """
    template = await find_template(dependencies.database, schedule_id=schedule_id, tenant_id=tenant.id)
    if template is None:
        raise not_found(SCHEDULE)
    try:
        render = read_stored(
            template.request,
            dependencies.vault,
            owner=SecretOwner(Purpose.SCHEDULE, tenant.id, schedule_id),
            policy=dependencies.policy_for(tenant),
        )
    except StoredRequestError as error:
        raise refused_input(error.validation, RenderRequest) from None
    await require_own_pdfs(dependencies, tenant, render)
    async with dependencies.quotas.admitted(tenant):
        job = await run_now(
            dependencies.database,
            dependencies.vault,
            render,
            schedule_id=schedule_id,
            tenant_id=tenant.id,
            scheduled_for=template.now,
        )
    if job is None:
        raise not_found(SCHEDULE)
    return Acceptance(job, is_new=True)


@router.delete("/{schedule_id}", status_code=HTTPStatus.NO_CONTENT, **problems(401, 403, 404, 422, 503))
async def delete_schedule(
    schedule_id: ScheduleId, tenant: Renderer, dependencies: OpenDependencies
) -> Response:
    """Delete a schedule. The jobs that it has made stay, and running ones go on."""
    if not await schedules.delete(dependencies.database, schedule_id=schedule_id, tenant_id=tenant.id):
        raise not_found(SCHEDULE)
    return Response(status_code=HTTPStatus.NO_CONTENT)


def _found(schedule: Schedule | None) -> Response:
    if schedule is None:
        raise not_found(SCHEDULE)
    return json_answer(ScheduleDocument.of(schedule))


def _compare(schedule: Schedule) -> CompareOptions | None:
    """How its pictures are compared, with the method's own threshold where its owner gave none."""
    compare = schedule.compare
    return compare and compare.model_copy(update={"threshold": compare.limit})


def _last_error(schedule: Schedule) -> ScheduleErrorDocument | None:
    type_, detail, at = schedule.last_error_type, schedule.last_error_detail, schedule.last_error_at
    if type_ is None or detail is None or at is None:
        return None
    return ScheduleErrorDocument(type=ErrorType(type_), detail=detail, at=at)


def _path(schedule: Schedule) -> str:
    return f"/v1/schedules/{schedule.id}"


def _links(schedule: Schedule) -> ScheduleLinksDocument:
    last_job = None if schedule.last_job_id is None else f"/v1/jobs/{schedule.last_job_id}"
    jobs = f"/v1/jobs?schedule_id={schedule.id}"
    return ScheduleLinksDocument(self=_path(schedule), jobs=jobs, last_job=last_job)
