"""The steps that calls share which make jobs: read the idempotency key, hand over to Redis, wait, answer."""

import re
from collections.abc import Mapping
from contextlib import nullcontext
from http import HTTPStatus
from typing import Final

from fastapi import Request
from starlette.responses import Response

from api.dependencies import Dependencies
from api.http.json_answer import json_answer
from api.http.prefer import preferred_wait_s
from api.http.problems import refused_field
from api.jobs.waiters import wait_for
from fleet.jobs.accept import Acceptance
from fleet.jobs.document import JobDocument, job_path
from fleet.jobs.job import Job
from fleet.telemetry.metrics import JOBS_ACCEPTED
from fleet.tenants.tenant import Tenant

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


async def hand_over_and_answer(
    request: Request, dependencies: Dependencies, tenant: Tenant, accepted: Acceptance
) -> Response:
    """Hand a new job over to Redis, wait for its end as the caller prefers, and answer with it.

    A job that the call's idempotency key has made before is only waited for.
    """
    wait_s = preferred_wait_s(request.headers.getlist("prefer"))
    job = accepted.job
    # Watch before handing over: nothing that happens to the job from here on is missed.
    watch = dependencies.waiters.watch(job.id, tenant=tenant) if wait_s else nullcontext()
    with watch as end:
        if accepted.is_new:
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
