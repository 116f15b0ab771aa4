"""Schedules: jobs at the times of a cron expression."""

import json
from datetime import datetime
from http import HTTPStatus
from typing import Annotated, Any, Self
from uuid import UUID

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from api.dependencies import OpenDependencies, Reader, Renderer
from api.http.json_answer import json_answer
from api.http.path_ids import SCHEDULE, ScheduleId
from api.http.problems import RefusedError, not_found
from api.openapi.operations import (
    CREATE_SCHEDULE,
    REPLACE_SCHEDULE,
    SWITCH_SCHEDULE,
    problems,
)
from api.routes.paging import PageParameters
from fleet.errors import ErrorType
from fleet.schedules import schedule as schedules
from fleet.schedules.request import CompareOptions, Deliver, ScheduleRequest
from fleet.schedules.schedule import MAX_SCHEDULES_OF_TENANT, Schedule

router = APIRouter(prefix="/v1/schedules", tags=["schedules"])


class ScheduleErrorDocument(BaseModel):
    """Why the last time made no job."""

    type: ErrorType = Field(description="The stable word for it.")
    detail: str = Field(description="What happened.")
    at: datetime = Field(description="When.")


class ScheduleLinksDocument(BaseModel):
    """Where to go from here, as paths on this server."""

    self: str
    jobs: str = Field(description="The jobs that it made, newest first.")
    last_job: str | None = Field(description="Null until there is one.")


class ScheduleDocument(BaseModel):
    """A schedule as its owner sees it. Every field is always there."""

    id: UUID = Field(description="The schedule's id, a UUIDv7.")
    name: str | None = Field(description="Your own name for it.")
    cron: str = Field(description="The cron expression.")
    timezone: str = Field(description="The time zone in which it is meant.")
    job: dict[str, Any] | None = Field(
        description="What is rendered, without what has its default and without its secrets. In lists null "
        "when longer than 4 KiB."
    )
    sealed_fields: list[str] = Field(
        description="What `job` was given as secret and is not shown again, such as `html`; a PUT has to "
        "give it anew."
    )
    deliver: Deliver = Field(description="always or when_changed.")
    compare: CompareOptions | None = Field(description="With when_changed: when two pictures count as equal.")
    enabled: bool = Field(description="Whether it makes jobs.")
    next_fires: list[datetime] = Field(description="The next three times; none while it is disabled.")
    last_fired_at: datetime | None = Field(description="When it last made a job.")
    last_job_id: UUID | None = Field(description="The job that it made last.")
    last_error: ScheduleErrorDocument | None = Field(
        description="Why the last time made no job; null when it made one."
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
    next_cursor: str | None = Field(description="`cursor` of the next page; null on the last one.")


class ScheduleSwitch(BaseModel):
    """What can be changed by itself."""

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
    """Make a job at each time of a cron expression, once, whatever workers and engines do.

    Times that were missed while nothing ran are made up for by one job, for the latest of them. With
    `deliver`: `when_changed` the webhook is told only of a picture that differs from the last one delivered.
    """
    wanted = await dependencies.document(request, ScheduleRequest, tenant)
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
    """Read a schedule, with its next times and why the last one made no job, if it did not."""
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
    """Replace a schedule by another under the same id. Jobs that it has made stay as they are.

    When `job`, `deliver` or `compare` are other ones than before, the next picture counts as changed.
    """
    wanted = await dependencies.document(request, ScheduleRequest, tenant)
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
    """Disable a schedule, or enable it again from its next time on: nothing is made up for."""
    wish = await dependencies.document(request, ScheduleSwitch, tenant)
    found = await schedules.switch(
        dependencies.database, schedule_id=schedule_id, tenant_id=tenant.id, enabled=wish.enabled
    )
    return _found(found)


@router.delete("/{schedule_id}", status_code=HTTPStatus.NO_CONTENT, **problems(401, 403, 404, 422, 503))
async def delete_schedule(
    schedule_id: ScheduleId, tenant: Renderer, dependencies: OpenDependencies
) -> Response:
    """Delete a schedule. Jobs that it has made stay and go on."""
    if not await schedules.delete(dependencies.database, schedule_id=schedule_id, tenant_id=tenant.id):
        raise not_found(SCHEDULE)
    return Response(status_code=HTTPStatus.NO_CONTENT)


def _found(schedule: Schedule | None) -> Response:
    if schedule is None:
        raise not_found(SCHEDULE)
    return json_answer(ScheduleDocument.of(schedule))


def _compare(schedule: Schedule) -> CompareOptions | None:
    if schedule.compare_method is None:
        return None
    return CompareOptions(method=schedule.compare_method, threshold=schedule.compare_threshold)


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
