"""Signed links: a picture or a pdf as the answer to GET, for `<img src>`."""

import asyncio
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from fastapi import APIRouter, Request
from pydantic import ValidationError
from starlette.responses import Response

from api.dependencies import Dependencies, dependencies_of
from api.http.default_headers import CONTENT_SECURITY_POLICY
from api.http.files import placeholder as placeholders
from api.http.files.artifact_response import artifact_answer
from api.http.files.placeholder import Placeholder
from api.http.noted_caller import note_caller
from api.http.problems import (
    ERROR_HEADER,
    RefusedError,
    refuse_unknown_parameters,
    refused_field,
    refused_input,
)
from api.jobs.waiters import wait_for
from api.openapi.link_operation import PLACEHOLDER, parameter_names, read_link_operation
from api.openapi.operations.parts import problems
from fleet.errors import ErrorType, RenderError, RenderfleetError
from fleet.jobs.create.accept import accept_of_link
from fleet.jobs.create.insert import render_digest
from fleet.jobs.create.reuse import ReusableJob, ReuseKind, find_rendered
from fleet.jobs.job import Job, State
from fleet.render.link_parameters import LinkParameterError, read_link
from fleet.render.link_signature import EXPIRES, KEY, PDF, SCREENSHOT, Link, UnusableLinkError, parse
from fleet.render.request import RenderRequest
from fleet.telemetry.metrics.of_api import CACHE_LOOKUPS, JOBS_ACCEPTED
from fleet.tenants.tenant import Tenant

_LINK_PARAMETERS: Final = frozenset({KEY, EXPIRES})
# How often a load looks for a job or makes one. It needs a second try if another process made the job at the
# same moment, and that job was gone again.
_MAX_TRIES: Final = 5
_NOT_IN_FILE_NAMES: Final = re.compile(r"[^a-z0-9.-]+", re.ASCII)
# Other sites may show the picture. Browsers ignore X-Frame-Options if there is `frame-ancestors` (CSP
# Level 2, section 7.7.1).
_EMBEDDABLE: Final = {
    CONTENT_SECURITY_POLICY: "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors *",
}

router = APIRouter(tags=["links"])


@router.head(SCREENSHOT, include_in_schema=False)
@router.get(
    SCREENSHOT,
    openapi_extra=read_link_operation(is_document=False),
    **problems(401, 403, 404, 409, 410, 416, 422, 429, 502, 503, 504),
)
async def read_screenshot(request: Request) -> Response:
    """Show a picture of a page, stored or rendered now. For `<img src>`: the link is the permission.

    docs/links.md tells how a link is signed. Loads of the same picture at the same time share one render. If
    the load of an `<img>` fails, the answer has a status and the header `Renderfleet-Error`, but no problem
    document: browsers hide a JSON answer from an `<img>`, and its status, too.
    """
    return await _answer(request, is_document=False)


@router.head(PDF, include_in_schema=False)
@router.get(
    PDF,
    openapi_extra=read_link_operation(is_document=True),
    **problems(401, 403, 404, 409, 410, 416, 422, 429, 502, 503, 504),
)
async def read_pdf(request: Request) -> Response:
    """Show a page as a pdf, stored or rendered now. The link is the permission.

    docs/links.md tells how a link is signed. Loads of the same pdf at the same time share one render.
    """
    return await _answer(request, is_document=True)


@dataclass(frozen=True, slots=True)
class _Load:
    """One load of a link whose signature is valid."""

    request: Request
    dependencies: Dependencies
    tenant: Tenant
    link: Link
    render: RenderRequest
    placeholder: Placeholder | None


async def _answer(request: Request, *, is_document: bool) -> Response:
    dependencies = dependencies_of(request)
    try:
        link = parse(request.scope["path"], request.scope["query_string"])
    except UnusableLinkError as error:
        raise RefusedError(ErrorType.LINK_NOT_SIGNED, str(error)) from None
    tenant = await dependencies.link_keys.tenant(link)
    note_caller(request.scope, tenant)
    options = {name: value for name, value in link.parameters.items() if name not in _LINK_PARAMETERS}
    placeholder = None if is_document else _placeholder(options.pop(PLACEHOLDER, None))
    render = _render_request(options, dependencies, tenant, is_document=is_document)
    load = _Load(request, dependencies, tenant, link, render, placeholder)
    try:
        return await _artifact_or_render(load)
    except RenderfleetError as error:
        if placeholder is None or error.type is ErrorType.RANGE_NOT_SATISFIABLE:
            raise
        return await _placeholder_answer(load, placeholder, error)


def _placeholder(word: str | None) -> Placeholder | None:
    try:
        return None if word is None else Placeholder(word)
    except ValueError:
        raise refused_field(PLACEHOLDER, "is not known", allowed=" or ".join(Placeholder)) from None


def _render_request(
    options: dict[str, str], dependencies: Dependencies, tenant: Tenant, *, is_document: bool
) -> RenderRequest:
    refuse_unknown_parameters(options, allowed=parameter_names(is_document=is_document))
    try:
        return read_link(
            options,
            cache_ttl_s=dependencies.settings.links.link_cache_ttl_s,
            is_document=is_document,
            context=dependencies.validation_for(tenant),
        )
    except LinkParameterError as error:
        raise refused_field(error.name, error.message, allowed=error.allowed) from None
    except ValidationError as error:
        raise refused_input(error, RenderRequest) from None


async def _artifact_or_render(load: _Load) -> Response:
    """The artifact of an earlier job or of a new one, as a response."""
    try:
        return await _artifact_answer(load, await _find_or_render(load, max_age_s=load.render.cache_ttl_s))
    except RefusedError as error:
        if error.type is not ErrorType.NO_ARTIFACT:
            raise
        # The store does not have the artifact that the database names: render it again.
        return await _artifact_answer(load, await _find_or_render(load, max_age_s=0))


async def _artifact_answer(load: _Load, job: Job) -> Response:
    headers = {
        **_EMBEDDABLE,
        "Cache-Control": f"public, max-age={_max_age_s(load, job)}",
        "Content-Disposition": f'inline; filename="{_filename(load.render, job)}"',
    }
    return await artifact_answer(load.request, job, load.dependencies.artifacts, headers=headers)


def _max_age_s(load: _Load, job: Job) -> int:
    """Seconds for which other caches may store the answer: until our own cache or the link expires."""
    age_s = (datetime.now(UTC) - (job.finished_at or job.created_at)).total_seconds()
    ttl_s = load.render.cache_ttl_s
    if job.page is not None and job.page.is_error:  # the error of the page may be gone soon
        ttl_s = min(ttl_s, load.dependencies.settings.links.link_failure_ttl_s)
    return max(0, int(min(ttl_s - age_s, load.link.expires - time.time())))


def _filename(render: RenderRequest, job: Job) -> str:
    """The file name that a browser suggests: the host of the page."""
    host = _NOT_IN_FILE_NAMES.sub("-", urlsplit(render.url or "").hostname or "").strip("-.")
    return f"{host or job.id}.{(job.artifact_key or '').rpartition('.')[2]}"


async def _find_or_render(load: _Load, *, max_age_s: int) -> Job:
    """A job that has succeeded with what the link asks for.

    Raises:
        RenderfleetError: the job has failed, is not allowed, or has not ended in time.
    """
    digest = render_digest(load.render, load.dependencies.vault, load.tenant.id)
    for _ in range(_MAX_TRIES):
        found = await _find_job(load, digest, max_age_s)
        if found is None:
            # Loads at the same moment take turns: only the first one counts against the tenant's limits.
            async with load.dependencies.link_locks.of(digest):
                found = await _find_job(load, digest, max_age_s) or await _accept_job(load)
        if found is not None:
            CACHE_LOOKUPS.labels("link", found.kind).inc()
            return _require_success(await _wait_for_end(load, found))
    raise _still_rendering()


async def _find_job(load: _Load, digest: bytes, max_age_s: int) -> ReusableJob | None:
    return await find_rendered(
        load.dependencies.database,
        digest,
        tenant_id=load.tenant.id,
        max_age=timedelta(seconds=max_age_s),
        failed_within=timedelta(seconds=load.dependencies.settings.links.link_failure_ttl_s),
    )


async def _accept_job(load: _Load) -> ReusableJob | None:
    """A new job, within all limits. None: another API process has just made the same job."""
    dependencies, tenant = load.dependencies, load.tenant
    await dependencies.rates.admit(load.request.scope, tenant)
    async with dependencies.quotas.admitted(tenant):
        job = await accept_of_link(
            dependencies.database, dependencies.vault, tenant_id=tenant.id, request=load.render
        )
    return None if job is None else ReusableJob(ReuseKind.NEW, job)


async def _wait_for_end(load: _Load, found: ReusableJob) -> Job:
    """Wait for the job's end, for LINK_WAIT_S at most; the job as it is then."""
    dependencies, job = load.dependencies, found.job
    if job.state.is_terminal:
        return job
    with dependencies.waiters.watch(job.id, tenant=load.tenant) as end:
        if found.kind is ReuseKind.NEW:
            JOBS_ACCEPTED.inc()
            await dependencies.handover.hand_over([job], weight=load.tenant.weight)
        # If the job has ended between `_find_job` and `watch`, the next query of the waiters finds that.
        ended = await wait_for(
            end,
            timeout_s=dependencies.settings.links.link_wait_s,
            receive=load.request.receive,
            shut_out=ErrorType.LINK_NOT_SIGNED,
        )
        return ended or job


def _require_success(job: Job) -> Job:
    if job.state is State.SUCCEEDED:
        return job
    if not job.state.is_terminal:
        raise _still_rendering()
    if job.state is State.FAILED:
        raise RenderError(ErrorType(job.error_type or ErrorType.INTERNAL_ERROR), job.error_detail or "")
    type_ = ErrorType.CANCELLED if job.state is State.CANCELLED else ErrorType.EXPIRED
    raise RenderError(type_, f"job {job.id} has ended as {job.state}; load the link again to render anew")


def _still_rendering() -> RefusedError:
    detail = "the render has not finished in the time that a link waits; load the link again"
    return RefusedError(ErrorType.RENDER_PENDING, detail)


async def _placeholder_answer(load: _Load, kind: Placeholder, error: RenderfleetError) -> Response:
    viewport, scale = load.render.viewport, load.render.device_scale_factor
    # Drawing takes up to 25 ms, which other calls would wait for.
    picture = await asyncio.to_thread(
        placeholders.placeholder_picture,
        kind,
        error.title,
        width_px=round(viewport.width * scale),
        height_px=round(viewport.height * scale),
    )
    headers = {
        **_EMBEDDABLE,
        "Cache-Control": "no-store",
        "Content-Disposition": 'inline; filename="placeholder.png"',
        ERROR_HEADER: error.type.value,
    }
    return Response(picture, media_type=placeholders.MEDIA_TYPE, headers=headers)
