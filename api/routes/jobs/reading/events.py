"""The changes of a job as they happen, as Server-Sent Events."""

from http import HTTPStatus

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import OpenDependencies, Reader
from api.http.path_ids import JobId
from api.http.problems import RefusedError
from api.jobs.event_stream import EventStream
from api.jobs.moments import Moment
from api.openapi.operations.events import READ_EVENTS
from api.openapi.operations.parts import problems
from fleet.errors import ErrorType

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])


@router.get(
    "/{job_id}/events",
    status_code=200,
    response_class=EventStream,
    openapi_extra=READ_EVENTS,
    **problems(401, 403, 404, 422, 503),
)
async def read_events(
    request: Request, job_id: JobId, tenant: Reader, dependencies: OpenDependencies
) -> Response:
    """Follow a job: one event for its current status and one for each change. The stream closes at its end.

    The name of an event is the status, its data is the job document on one line, and its id is
    `{attempt}-{status}`. A caller that reconnects with `Last-Event-ID` gets the events that it has missed,
    and none twice. If it has seen the job's end, it gets 204, which tells an `EventSource` to stop. In the
    event of a past change, fields that are not known any more are null. Comments keep a silent connection
    open.
    """
    if dependencies.waiters.is_full_for(tenant.id):
        raise RefusedError(
            ErrorType.TOO_MANY_WAITERS,
            "this server follows as many jobs as it may; poll the job, or try again later",
        )
    job = await dependencies.job_of(tenant, job_id)
    now, seen = Moment.of(job), Moment.parse(request.headers.get("last-event-id", ""))
    if seen is not None and seen == now and now.state.is_terminal:
        return Response(status_code=HTTPStatus.NO_CONTENT, headers={"Cache-Control": "no-store"})
    if seen is not None and seen != now and not seen.leads_to(now):
        seen = None  # the id of another job's event
    return EventStream(
        job,
        tenant=tenant,
        seen=seen,
        waiters=dependencies.waiters,
        sign=dependencies.sign,
        keepalive_s=dependencies.settings.api.api_events_keepalive_s,
    )
