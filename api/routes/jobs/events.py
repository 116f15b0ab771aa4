"""A job's changes as they happen: Server-Sent Events."""

from http import HTTPStatus

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import OpenDependencies, Reader
from api.http.path_ids import JobId
from api.http.problems import RefusedError
from api.jobs.event_stream import EventStream
from api.jobs.moments import Moment
from api.openapi.operations import READ_EVENTS, problems
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
    """Follow a job: one event with its present state, one for each change, and the stream closes at its end.

    The event's name is the status, its data the job document on one line, its id `{attempt}-{status}`. A
    reader that reconnects with `Last-Event-ID` gets what it has missed and nothing twice, or 204 if it has
    seen the job's end, which tells an `EventSource` to stop. Of a change that was over before it was seen,
    the document lacks what is no longer known. A comment keeps a silent connection alive.
    """
    if dependencies.waiters.is_full_for(tenant.id):
        raise RefusedError(
            ErrorType.TOO_MANY_WAITERS, "this server follows no more jobs at the moment; poll, or try again"
        )
    job = await dependencies.job_of(tenant, job_id)
    now, seen = Moment.of(job), Moment.parse(request.headers.get("last-event-id", ""))
    if seen is not None and seen == now and now.state.is_terminal:
        return Response(status_code=HTTPStatus.NO_CONTENT, headers={"Cache-Control": "no-store"})
    if seen is not None and seen != now and not seen.leads_to(now):
        seen = None  # not of this job
    return EventStream(
        job,
        tenant=tenant,
        seen=seen,
        waiters=dependencies.waiters,
        sign=dependencies.sign,
        keepalive_s=dependencies.settings.api.api_events_keepalive_s,
    )
