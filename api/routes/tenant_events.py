"""The changes of all own jobs as they happen, as Server-Sent Events."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import OpenDependencies, Reader
from api.jobs.tenant_stream import TenantEventStream, time_of
from api.openapi.operations.events import READ_TENANT_EVENTS
from api.openapi.operations.parts import problems

router = APIRouter(prefix="/v1/events", tags=["jobs"])


@router.get(
    "",
    status_code=200,
    response_class=TenantEventStream,
    openapi_extra=READ_TENANT_EVENTS,
    **problems(401, 403, 422, 503),
)
async def read_tenant_events(request: Request, tenant: Reader, dependencies: OpenDependencies) -> Response:
    """Follow all your jobs: an event for each change of a job's status, a second later at most.

    The name of an event is the status. Its data is a JSON object with the job's `id`, `status`, `attempt`,
    `external_id`, and `at`, the time of the change. If a job changes more than once within a second, only the
    latest change is told.

    A caller that reconnects with `Last-Event-ID` gets what has changed since, for 15 minutes; changes shortly
    before may come twice. If changes were left out, because that was longer ago, or there were more than
    5,000 of them, the event `missed` says so: then list the jobs.
    """
    last_id = request.headers.get("last-event-id", "")
    return TenantEventStream(
        dependencies.feed.listen(tenant, since=time_of(last_id)),
        keepalive_s=dependencies.settings.api.api_events_keepalive_s,
    )
