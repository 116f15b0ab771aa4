"""Running a job anew that ended without success."""

from collections.abc import Sequence

from fastapi import APIRouter, Request
from starlette.responses import Response

from api.dependencies import Dependencies, OpenDependencies, Renderer
from api.http.path_ids import JOB, JobId
from api.http.prefer import preferred_wait_s
from api.http.problems import (
    RefusedError,
    not_found,
    refused_field,
    refused_input,
)
from api.http.request_body import has_body
from api.openapi.operations import RETRY_JOB, problems
from api.routes.jobs.enqueue import hand_over, idempotency_key, job_answer
from fleet.errors import ErrorType
from fleet.jobs.retry import Original, accept_retry, find_accepted_retry, find_original
from fleet.render.request import RenderRequest
from fleet.render.stored import StoredRequestError, read_stored
from fleet.tenants.tenant import Tenant
from fleet.vault import Purpose, SecretOwner

router = APIRouter(prefix="/v1/jobs", tags=["jobs"])


@router.post("/{job_id}/retry", openapi_extra=RETRY_JOB, **problems(401, 403, 404, 409, 422, 429, 503))
async def retry_job(
    request: Request, job_id: JobId, tenant: Renderer, dependencies: OpenDependencies
) -> Response:
    """Run a failed, cancelled or expired job anew, as a new job with the same request.

    `expires_in_s` counts from now; a `run_at` that is over means now. A job in quarantine leaves it, and the
    new one has a browser of its own. `Idempotency-Key` and `Prefer: wait=N` as in `POST /v1/jobs`.
    """
    _refuse_body(request)
    key = idempotency_key(request)
    original, render = await _original(dependencies, tenant, job_id)
    accepted = await find_accepted_retry(
        dependencies.database, job_id=job_id, tenant_id=tenant.id, idempotency_key=key
    )
    if accepted is None:
        async with dependencies.quotas.admitted(tenant):
            accepted = await accept_retry(
                dependencies.database,
                dependencies.vault,
                tenant_id=tenant.id,
                original=original,
                request=render,
                idempotency_key=key,
            )
    wait_s = preferred_wait_s(request.headers.getlist("prefer"))
    job = await hand_over(request, dependencies, tenant, accepted, wait_s=wait_s)
    return job_answer(dependencies, job, wait_s)


def _refuse_body(request: Request) -> None:
    """Options that are silently left out would be worse than a refusal."""
    if has_body(request):
        raise refused_field(None, "this call takes no body: the job is run with the options that it had")


async def _original(
    dependencies: Dependencies, tenant: Tenant, job_id: JobId
) -> tuple[Original, RenderRequest]:
    """The job that is to be run anew, and its request.

    Raises:
        RefusedError: there is none, or it cannot be run anew.
    """
    original = await find_original(dependencies.database, job_id=job_id, tenant_id=tenant.id)
    if original is None:
        raise not_found(JOB)
    if not original.state.is_terminal:
        raise RefusedError(
            ErrorType.JOB_NOT_FINISHED,
            f"the job is {original.state.value}; only an ended one can be run anew",
        )
    if original.request is None:
        raise RefusedError(
            ErrorType.JOB_FINISHED,
            f"the job {original.state.value}; to render its page again, send the request with POST /v1/jobs",
        )
    if original.erased_fields:
        raise RefusedError(
            ErrorType.SECRETS_ERASED,
            f"{_listed(original.erased_fields)} erased when the job ended; "
            "to render it again, send the request anew with POST /v1/jobs",
        )
    owner = SecretOwner(Purpose.JOB, tenant.id, job_id)
    try:
        render = read_stored(
            original.request, dependencies.vault, owner=owner, policy=dependencies.policy_for(tenant)
        )
    except StoredRequestError as error:
        raise refused_input(error.validation, RenderRequest) from None
    return original, render


def _listed(fields: Sequence[str]) -> str:
    names = " and ".join(f"`{name}`" for name in fields)
    return f"{names} {'was' if len(fields) == 1 else 'were'}"
