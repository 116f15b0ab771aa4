"""The page of the queue: whose jobs wait, and which ones are next."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

from fastapi import APIRouter
from pydantic_core import to_json
from redis.exceptions import RedisError
from starlette.responses import Response

from api.dependencies import Dependencies
from api.http.path_ids import JobId, TenantId
from api.http.problems import RefusedError
from api.http.request_body import document_of
from api.routes.jobs.jobs import cancel_now
from api.routes.jobs.move import JobMove, move_now
from api.ui.dashboard_page import ROOT, DashboardPage
from api.ui.viewer import Operating
from fleet.jobs import waiting
from fleet.jobs.waiting import WaitingJob
from fleet.queue.line import next_entries
from fleet.tenants.tenant import Scope

PAGE: Final = DashboardPage(f"{ROOT}/queue", "Queue", Scope.ADMIN, shortcut="q")
_NEXT: Final = 50
_MOST_TENANTS: Final = 100
# A count that is older is said to be.
_FRESH_S: Final = 2

router = APIRouter(prefix=PAGE.path)


@router.get("")
async def show_queue(viewer: Operating) -> Response:
    """Each tenant's part of the queue, the next jobs in their order, and those that are held back."""
    database = viewer.dependencies.database
    line = await _line(viewer.dependencies)
    demand = await viewer.dependencies.demand.read()
    tenants = demand.tenants
    return viewer.page(
        "pages/queue/queue.html",
        is_live=True,
        tenants=sorted(tenants, key=lambda one: (-one.queued, one.name))[:_MOST_TENANTS],
        weights=sum(tenant.weight for tenant in tenants if tenant.ready),
        counted_s=demand.counted_s if demand.counted_s > _FRESH_S else None,
        ready=sum(tenant.ready for tenant in tenants),
        line=line,
        oldest=[] if line is not None else await waiting.oldest(database, limit=_NEXT),
        held=await waiting.held(database, limit=_NEXT),
        most=_NEXT,
        now=datetime.now(UTC),
    )


@router.post("/{tenant_id}/{job_id}/cancel")
async def cancel_waiting(viewer: Operating, tenant_id: TenantId, job_id: JobId) -> Response:
    """Cancel a job of any tenant."""
    try:
        await cancel_now(viewer.dependencies, replace(viewer.tenant, id=tenant_id), job_id)
    except RefusedError as refusal:
        return viewer.back(PAGE.path, f"Not cancelled: {refusal.detail}.", is_failure=True)
    viewer.audit("job cancelled", job_id=str(job_id), tenant_id=str(tenant_id))
    return viewer.back(PAGE.path, "The job is cancelled.")


@router.post("/{tenant_id}/{job_id}/move")
async def move_waiting(viewer: Operating, tenant_id: TenantId, job_id: JobId) -> Response:
    """Give a job of any tenant another priority."""
    sent = await viewer.form()
    try:
        wish = document_of(to_json({"priority": sent.text("priority")}), JobMove, context={})
        await move_now(viewer.dependencies, replace(viewer.tenant, id=tenant_id), job_id, wish)
    except RefusedError as refusal:
        return viewer.back(PAGE.path, f"Not moved: {refusal.detail}.", is_failure=True)
    viewer.audit("job moved", job_id=str(job_id), tenant_id=str(tenant_id), priority=wish.priority)
    return viewer.back(PAGE.path, f"The job has priority {wish.priority} now.")


async def _line(dependencies: Dependencies) -> list[WaitingJob] | None:
    """The next jobs in the order in which workers will take them; None: Redis does not tell."""
    try:
        entries = await next_entries(dependencies.redis, _NEXT)
    except (RedisError, OSError):
        return None
    return await waiting.these(dependencies.database, [entry.job_id for entry in entries])
