"""Rendering the page of an ended job once more, however it ended."""

from typing import Final

from starlette.requests import Request

from api.dependencies import Dependencies
from api.http.path_ids import JOB
from api.http.problems import RefusedError, not_found
from api.routes.jobs.create.enqueue import enqueue, hand_over
from api.routes.jobs.create.retry import accept_anew, read_again, require_all_sent
from fleet.errors import ErrorType
from fleet.jobs.create.retry import RETRYABLE_STATES, find_original
from fleet.jobs.job import Job, State
from fleet.tenants.tenant import Tenant

# What meant the first time alone: a time that is over, and an answer from an earlier render.
_ONCE: Final = {"run_at": None, "cache_ttl_s": 0}


async def render_again(request: Request, dependencies: Dependencies, tenant: Tenant, job: Job) -> Job:
    """Make a new job with the request of one that has ended.

    A job that has not succeeded is run anew as by `POST …/retry`. For one that has succeeded the API has no
    such call: its caller has the request. Whoever looks at its page has only the job.

    Raises:
        RefusedError: it has not ended, what it was made of is erased, it is not valid any more, or a limit is
            reached.
        UnavailableError: Postgres does not answer.
    """
    if job.state in RETRYABLE_STATES:
        accepted = await accept_anew(dependencies, tenant, job.id, {})
        return await hand_over(request, dependencies, tenant, accepted, wait_s=None)
    original = await find_original(dependencies.database, job_id=job.id, tenant_id=tenant.id, is_replay=True)
    if original is None:
        raise not_found(JOB)
    if original.request is None or original.state is not State.SUCCEEDED:
        raise RefusedError(ErrorType.JOB_NOT_FINISHED, f"the job is {original.state.value}")
    require_all_sent(original, ())
    render = read_again(dependencies, tenant, job.id, original.request, {})
    enqueued = await enqueue(
        request,
        dependencies,
        tenant,
        render.model_copy(update=_ONCE),
        wait_s=None,
        bundle_id=original.bundle_id,
    )
    return enqueued.job
