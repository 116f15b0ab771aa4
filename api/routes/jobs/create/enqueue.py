"""What calls that make jobs share: accept a job once, hand it over to Redis, wait for its end, answer."""

import re
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from typing import Final
from uuid import UUID

from fastapi import Request
from starlette.responses import Response

from api.dependencies import Dependencies
from api.http.json_answer import json_answer
from api.http.problems import refused_field
from api.jobs.waiters import wait_for
from api.routes.jobs.create.own_pdfs import require_own_pdfs
from fleet.jobs.create.accept import Acceptance, accept, find_accepted
from fleet.jobs.create.insert import render_digest
from fleet.jobs.create.reuse import ReuseKind, keep_rendered
from fleet.jobs.document.job import job_path
from fleet.jobs.job import Job
from fleet.render.request import RenderRequest
from fleet.telemetry.metrics.of_api import CACHE_LOOKUPS, JOBS_ACCEPTED
from fleet.tenants.tenant import Tenant

CACHE_HEADER: Final = "Renderfleet-Cache"
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


@dataclass(frozen=True, slots=True)
class Enqueued:
    """The job that answers a call, ended or not.

    Attributes:
        job: the job.
        is_reused: whether it has rendered the same before (`cache_ttl_s`), so that nothing was enqueued.
        is_new: whether this call has made it.
    """

    job: Job
    is_reused: bool
    is_new: bool

    @property
    def headers(self) -> dict[str, str]:
        """What the answer says about where the job comes from."""
        return {CACHE_HEADER: "hit"} if self.is_reused else {}


async def enqueue(
    request: Request,
    dependencies: Dependencies,
    tenant: Tenant,
    render: RenderRequest,
    *,
    wait_s: int | None,
    bundle_id: UUID | None = None,
) -> Enqueued:
    """The job for a request: the one of its idempotency key, one to reuse, or a new one within all limits.

    Args:
        request: the call; its body must have been read to the end.
        dependencies: of this process.
        tenant: whose job it is.
        render: what is asked.
        wait_s: seconds to wait for the job's end; None or 0: not at all.
        bundle_id: the bundle with the files of the request that were uploaded.

    Raises:
        RefusedError: the key is not usable, a job whose PDF is asked for has none, or a limit is reached.
        IdempotencyConflictError: the key was used with another request before.
        UnavailableError: Postgres does not answer.
    """
    key = idempotency_key(request)
    accepted = await find_accepted(
        dependencies.database, dependencies.vault, tenant_id=tenant.id, request=render, idempotency_key=key
    )
    if accepted is None:
        reused = await _rendered_before(dependencies, tenant, render)
        if reused is not None:
            return Enqueued(reused, is_reused=True, is_new=False)
        await require_own_pdfs(dependencies, tenant, render)
        async with dependencies.quotas.admitted(tenant):
            accepted = await accept(
                dependencies.database,
                dependencies.vault,
                tenant_id=tenant.id,
                request=render,
                idempotency_key=key,
                bundle_id=bundle_id,
                inserts=dependencies.inserts,
            )
    job = await hand_over(request, dependencies, tenant, accepted, wait_s=wait_s)
    return Enqueued(job, is_reused=False, is_new=accepted.is_new)


async def _rendered_before(dependencies: Dependencies, tenant: Tenant, render: RenderRequest) -> Job | None:
    """A job that has rendered the same within `cache_ttl_s`; its artifact is kept as long as a new one's."""
    if not render.cache_ttl_s:
        return None
    job = await keep_rendered(
        dependencies.database,
        render_digest(render, dependencies.vault, tenant.id),
        tenant_id=tenant.id,
        max_age=timedelta(seconds=render.cache_ttl_s),
        retention=timedelta(seconds=render.retention_s),
    )
    CACHE_LOOKUPS.labels("job", ReuseKind.NEW if job is None else ReuseKind.ARTIFACT).inc()
    return job


async def hand_over(
    request: Request, dependencies: Dependencies, tenant: Tenant, accepted: Acceptance, *, wait_s: int | None
) -> Job:
    """Hand a new job over to Redis and wait for its end; arguments as of `enqueue`.

    A job that the call's idempotency key has made before is only waited for.
    """
    job = accepted.job
    # Watch before handing over: nothing that happens to the job from here on is missed.
    watch = dependencies.waiters.watch(job.id, tenant=tenant) if wait_s else nullcontext()
    with watch as end:
        if accepted.is_new:
            JOBS_ACCEPTED.inc()
            await dependencies.handover.hand_over([job], weight=tenant.weight)
        if wait_s and end is not None and not job.state.is_terminal:
            job = await wait_for(end, timeout_s=wait_s, receive=request.receive) or job
    return job


def job_answer(
    dependencies: Dependencies, job: Job, wait_s: int | None, headers: Mapping[str, str] | None = None
) -> Response:
    """200 with a finished job, 202 with one that is open."""
    headers = {"Location": job_path(job), **(headers or {})}
    if wait_s is not None:
        headers["Preference-Applied"] = f"wait={wait_s}"
    status = HTTPStatus.OK if job.state.is_terminal else HTTPStatus.ACCEPTED
    return json_answer(dependencies.job_document(job), status, headers)
