"""The whole fleet, for its operator: workers, waiting jobs, pause and resume."""

import math
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

from fastapi import APIRouter, Request
from pydantic import BaseModel, ConfigDict, Field
from starlette.responses import Response

from api.dependencies import Dependencies, OpenDependencies, Operator
from api.http.json_answer import json_answer
from api.http.request_body import has_body
from api.openapi.operations.operators import PAUSE_FLEET
from api.openapi.operations.parts import problems
from fleet.capacity import rule
from fleet.capacity.demand import FleetDemand
from fleet.queue.announcements import announce_pause
from fleet.telemetry.logs import get_logger
from fleet.tenants.tenant import Tenant
from fleet.workers import pause, registry
from fleet.workers.leaks import suspected_leaks
from fleet.workers.vitals import BrowserVitals, FilterListVitals, MemoryVitals, Sandbox

_MOST_TENANTS: Final = 50

log = get_logger(__name__)
router = APIRouter(prefix="/v1/fleet", tags=["fleet"])


class WorkerDocument(BaseModel):
    """One worker, as it last reported."""

    id: UUID = Field(description="The worker's id, new at each start.")
    hostname: str = Field(description="Where it runs.")
    slots: int = Field(description="How many renders can run at the same time.")
    busy: int = Field(description="Slots that are rendering.")
    browser_generation: int = Field(description="The number of its current browser; the first one is 1.")
    browser_age_s: float | None = Field(description="Age of its browser.")
    started_at: datetime = Field(description="When it started.")
    last_seen_at: datetime = Field(description="Its last report.")
    takes_jobs: bool | None = Field(description="Whether it takes jobs; null if it has not reported that.")
    holds: list[str] = Field(description="Why it takes no jobs.")
    sandbox: Sandbox | None = Field(
        description="Chromium's sandbox: on (checked at a page's process), off (CHROMIUM_SANDBOX) or "
        "unverified (its system has no /proc); null if it has not reported that."
    )
    cpu_percent: float | None = Field(description="Recent CPU use of all its processes; 100 is one core.")
    memory: MemoryVitals | None = Field(description="Its memory, measured every 15 seconds.")
    memory_stands_out: bool = Field(
        description="Whether it probably has a leak: it has far more memory than similar workers, or grows "
        "hour after hour."
    )
    memory_stands_out_why: str | None = Field(description="Which of the two.")
    browser: BrowserVitals | None = Field(description="Its browsers since it started.")
    filter_lists: list[FilterListVitals] = Field(
        description="Its lists for `block_ads` and `block_trackers`, with date and licence."
    )


class TenantBacklogDocument(BaseModel):
    """The open jobs of one tenant."""

    tenant_id: UUID = Field(description="The tenant's id.")
    name: str = Field(description="The tenant's name.")
    ready: int = Field(description="Queued jobs that wait for a slot alone.")
    capped: int = Field(description="Queued jobs that wait because their tenant runs as many as it may.")
    delayed: int = Field(description="Queued jobs whose time has not come.")
    running: int = Field(description="Running jobs.")
    oldest_queued_s: float = Field(
        description="Seconds that the oldest queued job whose time has come has waited."
    )
    service_s: float = Field(
        description="Seconds that one of its jobs holds a slot: the mean of the last 15 minutes. If fewer "
        "than 20 of its jobs ended, that of all tenants; 2, if too few of theirs ended too."
    )
    seconds: float | None = Field(
        description="Seconds until its due jobs have ended, if no more come, with its share of the slots; "
        "null: it gets no slot."
    )


class BacklogDocument(BaseModel):
    """Jobs of all tenants that have not ended."""

    queued: int = Field(
        description="Queued jobs, also those that wait for their time or for their tenant's limit. With "
        "more than 10,000 open jobs, all these figures are mostly a few seconds old."
    )
    running: int = Field(description="Running jobs.")
    oldest_queued_s: float = Field(
        description="Seconds that the oldest ready job has waited. A ready job waits for nothing but a free "
        "slot, and not for its time or its tenant's limit."
    )
    seconds: float | None = Field(
        description="Seconds that the present slots need for all ready jobs; null: there are such jobs, but "
        "no slots."
    )
    tenants: list[TenantBacklogDocument] = Field(
        description=f"The {_MOST_TENANTS} tenants whose queued jobs take longest."
    )


class FleetDocument(BaseModel):
    """The whole fleet."""

    paused: bool = Field(description="Whether the fleet is paused: workers begin no jobs.")
    paused_at: datetime | None = Field(description="Since when; null: it is not paused.")
    pause_reason: str | None = Field(description="The reason that was given with the pause.")
    slots: int = Field(description="Slots of all workers.")
    suggested_replicas: int = Field(
        description="How many workers like these would empty the queue in a minute, at the time that jobs "
        "took lately; at least 1. While the fleet is paused: as many as there are."
    )
    backlog: BacklogDocument
    workers: list[WorkerDocument] = Field(description="Workers that reported within the last 30 seconds.")


class PauseRequest(BaseModel):
    """What a pause may be given."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    reason: str | None = Field(
        default=None, max_length=200, description="The reason; `GET /v1/fleet` shows it."
    )


@router.get("", response_model=FleetDocument, **problems(401, 403, 422, 503))
async def read_fleet(_operator: Operator, dependencies: OpenDependencies) -> Response:
    """Workers, backlog and pause. Needs a key with the scope `admin`."""
    return json_answer(await fleet_document(dependencies))


@router.post(
    "/pause",
    response_model=FleetDocument,
    openapi_extra=PAUSE_FLEET,
    **problems(401, 403, 413, 415, 422, 503),
)
async def pause_fleet(request: Request, operator: Operator, dependencies: OpenDependencies) -> Response:
    """Pause the fleet: when this answers, no worker begins another job.

    Jobs are still accepted, and wait. Running jobs go on to their end. Needs the scope `admin`.
    """
    wish = await _pause_request(request, dependencies, operator)
    await pause.pause(dependencies.database, reason=wish.reason)
    log.warning("fleet paused", reason=wish.reason, key_id=operator.key_id)
    await announce_pause(dependencies.redis)
    return json_answer(await fleet_document(dependencies))


@router.post("/resume", response_model=FleetDocument, **problems(401, 403, 422, 503))
async def resume_fleet(operator: Operator, dependencies: OpenDependencies) -> Response:
    """End the pause: workers begin jobs again. Needs the scope `admin`."""
    await pause.resume(dependencies.database)
    log.warning("fleet resumed", key_id=operator.key_id)
    await announce_pause(dependencies.redis)
    return json_answer(await fleet_document(dependencies))


async def _pause_request(request: Request, dependencies: Dependencies, operator: Tenant) -> PauseRequest:
    if not has_body(request):
        return PauseRequest()
    return await dependencies.document(request, PauseRequest, operator)


async def fleet_document(dependencies: Dependencies) -> FleetDocument:
    """Workers, backlog and pause as they are now."""
    state = await pause.read(dependencies.database)
    demand = await dependencies.demand.read()
    there = await registry.list_present(dependencies.database)
    leaks = suspected_leaks({one.id: (one.slots, one.vitals) for one in there if one.vitals is not None})
    return FleetDocument(
        paused=state.paused_at is not None,
        paused_at=state.paused_at,
        pause_reason=state.reason,
        slots=demand.slots,
        suggested_replicas=rule.suggested_replicas(demand),
        backlog=_backlog(demand),
        workers=[_worker(worker, leaks.get(worker.id)) for worker in there],
    )


def _backlog(demand: FleetDemand) -> BacklogDocument:
    seconds = rule.tenant_backlogs_s(demand)
    longest = sorted(demand.tenants, key=lambda one: seconds.get(one.tenant_id, 0.0), reverse=True)
    return BacklogDocument(
        queued=demand.queued,
        running=demand.running,
        oldest_queued_s=round(demand.oldest_ready_s, 3),
        seconds=_seconds(rule.backlog_s(demand)),
        tenants=[
            TenantBacklogDocument(
                tenant_id=one.tenant_id,
                name=one.name,
                ready=one.ready,
                capped=one.capped,
                delayed=one.delayed,
                running=one.running,
                oldest_queued_s=round(one.waiting_s, 3),
                service_s=round(one.service_s, 3),
                seconds=_seconds(seconds.get(one.tenant_id, 0.0)),
            )
            for one in longest[:_MOST_TENANTS]
        ],
    )


def _seconds(value: float) -> float | None:
    return None if math.isinf(value) else round(value, 3)


def _worker(worker: registry.PresentWorker, leak: str | None) -> WorkerDocument:
    launched_at, vitals = worker.browser_launched_at, worker.vitals
    age_s = None if launched_at is None else round((datetime.now(UTC) - launched_at).total_seconds(), 1)
    return WorkerDocument(
        id=worker.id,
        hostname=worker.hostname,
        slots=worker.slots,
        busy=worker.busy,
        browser_generation=worker.browser_generation,
        browser_age_s=age_s,
        started_at=worker.started_at,
        last_seen_at=worker.last_seen_at,
        takes_jobs=None if vitals is None else not vitals.holds,
        holds=[] if vitals is None else vitals.holds,
        sandbox=None if vitals is None else vitals.sandbox,
        cpu_percent=None if vitals is None else vitals.cpu_percent,
        memory=None if vitals is None else vitals.memory,
        memory_stands_out=leak is not None,
        memory_stands_out_why=leak,
        browser=None if vitals is None else vitals.browser,
        filter_lists=[] if vitals is None else vitals.filter_lists,
    )
