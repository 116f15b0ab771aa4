"""The job that a call asks for, whether its body is JSON or a form with files."""

from collections.abc import Callable

from fastapi import Request

from api.dependencies import Dependencies
from api.http.multipart import is_multipart
from api.routes.jobs.create.enqueue import Enqueued, enqueue
from api.routes.jobs.create.upload import uploaded
from fleet.render.request import RenderRequest
from fleet.tenants.tenant import Tenant


def _unchanged(render: RenderRequest) -> RenderRequest:
    return render


async def enqueue_asked(
    request: Request,
    dependencies: Dependencies,
    tenant: Tenant,
    model: type[RenderRequest] = RenderRequest,
    *,
    wait_s: int | None,
    as_job: Callable[[RenderRequest], RenderRequest] = _unchanged,
) -> Enqueued:
    """Read the body of a call, and enqueue what it asks for.

    Args:
        request: the call.
        dependencies: of this process.
        tenant: whose job it is.
        model: of the body.
        wait_s: seconds to wait for the job's end; None or 0: not at all.
        as_job: makes the request of a job of the body.

    Raises:
        RefusedError: the body is not valid, or as `enqueue`.
        UnavailableError: Postgres does not answer, or, if there are files, the store.
        starlette.requests.ClientDisconnect: the caller went away.
    """
    if not is_multipart(request):
        render = as_job(await dependencies.document(request, model, tenant))
        return await enqueue(request, dependencies, tenant, render, wait_s=wait_s)
    async with uploaded(request, dependencies, tenant, model) as upload:
        enqueued = await enqueue(
            request,
            dependencies,
            tenant,
            as_job(upload.render),
            wait_s=wait_s,
            bundle_id=upload.bundle_id,
        )
        upload.is_kept = enqueued.is_new
    return enqueued
