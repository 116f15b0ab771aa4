"""What all calls share that make jobs: idempotency key, quota, dispatch, waiting, answer."""

import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, nullcontext
from http import HTTPStatus
from typing import Final, TypeVar

from fastapi import Request
from starlette.responses import Response

from api.dependencies import Dependencies
from api.http.json_answer import json_answer
from api.http.prefer import preferred_wait_s
from api.http.problems import RefusedError, refused_field
from api.jobs.waiters import wait_for
from fleet.errors import ErrorType
from fleet.jobs.accept import Acceptance
from fleet.jobs.document import JobDocument, job_path
from fleet.jobs.job import Job
from fleet.telemetry.metrics import JOBS_ACCEPTED
from fleet.tenants.tenant import Tenant

T = TypeVar("T")
_IDEMPOTENCY_KEY: Final = re.compile(r"[!-~]{1,255}", re.ASCII)


def idempotency_key(request: Request) -> str | None:
    """The call's `Idempotency-Key`, if it has one.

    Raises:
        RefusedError: it is not usable.
    """
    key = request.headers.get("idempotency-key")
    if key is not None and not _IDEMPOTENCY_KEY.fullmatch(key):
        raise refused_field(
            "Idempotency-Key", "is not usable", allowed="1 to 255 visible ASCII characters, no blanks"
        )
    return key


def conflict() -> RefusedError:
    """The refusal of a call whose idempotency key was used for another one."""
    return RefusedError(
        ErrorType.IDEMPOTENCY_CONFLICT, "this Idempotency-Key belongs to another request; use a new one"
    )


async def within_quota(
    dependencies: Dependencies,
    tenant: Tenant,
    *,
    jobs: int = 1,
    accept: Callable[[], Awaitable[T]],
    find: Callable[[], Awaitable[T | None]],
) -> T:
    """Accept if the tenant may queue so many more jobs.

    Args:
        dependencies: of this process.
        tenant: who calls.
        jobs: how many it would be.
        accept: stores them.
        find: what the call's key has made before. A repeated call adds no job, so it is answered also when
            no more are taken.

    Raises:
        RefusedError: quota_exceeded.
    """
    async with AsyncExitStack() as stack:
        try:
            await stack.enter_async_context(dependencies.quotas.admitted(tenant, jobs=jobs))
        except RefusedError:
            found = await find()
            if found is None:
                raise
            return found
        return await accept()


async def begin(
    request: Request, dependencies: Dependencies, tenant: Tenant, acceptance: Acceptance
) -> Response:
    """Dispatch an accepted job, wait for it as the caller prefers, and answer.

    Raises:
        RefusedError: its idempotency key belongs to another request.
    """
    if not acceptance.is_same_request:
        raise conflict()
    wait_s = preferred_wait_s(request.headers.getlist("prefer"))
    job = acceptance.job
    # Watch before dispatching: nothing that happens to the job from here on is missed.
    watch = dependencies.waiters.watch(job.id, tenant_id=tenant.id) if wait_s else nullcontext()
    with watch as end:
        if acceptance.is_new:
            JOBS_ACCEPTED.inc()
            await dependencies.handover.hand_over([job], weight=tenant.weight)
        if wait_s and end is not None and not job.state.is_terminal:
            job = await wait_for(end, timeout_s=wait_s, receive=request.receive) or job
    return job_answer(dependencies, job, wait_s)


def job_answer(
    dependencies: Dependencies, job: Job, wait_s: int | None, headers: Mapping[str, str] | None = None
) -> Response:
    """200 with a finished job, 202 with one that is open."""
    headers = {"Location": job_path(job), **(headers or {})}
    if wait_s is not None:
        headers["Preference-Applied"] = f"wait={wait_s}"
    status = HTTPStatus.OK if job.state.is_terminal else HTTPStatus.ACCEPTED
    return json_answer(JobDocument.of(job, dependencies.sign(job)), status, headers)
