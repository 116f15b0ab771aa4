"""Whether the process is alive and ready, and its metrics. For orchestrators and Prometheus; needs no key."""

import math
from enum import StrEnum
from http import HTTPStatus

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, Field
from starlette.responses import PlainTextResponse, Response

from api.dependencies import OpenDependencies
from api.http.json_answer import json_answer
from api.http.request_body import JSON
from api.openapi.operations.parts import problems
from fleet.capacity import rule
from fleet.errors import ErrorType, UnavailableError
from fleet.telemetry.probes import Condition, DependencyState

router = APIRouter(tags=["health"])


class ApiStatus(StrEnum):
    """Whether calls should be sent to this process."""

    READY = "ready"
    DEGRADED = "degraded"
    UNAVAILABLE = "unavailable"


class ApiStatusDocument(BaseModel):
    """Whether calls should be sent to this process, and the state of what it depends on.

    Without Postgres nothing works. Without Redis, jobs are accepted and start later. Without S3, artifacts
    cannot be stored or read.
    """

    status: ApiStatus = Field(description="ready or degraded (200), or unavailable (503).")
    dependencies: dict[str, DependencyState] = Field(description="postgres, redis and s3.")
    warnings: list[str] = Field(description="What is wrong, although calls can be sent here.")


@router.head("/livez", include_in_schema=False)
@router.get("/livez", response_model=dict[str, str])
async def livez() -> Response:
    """Whether the process is alive: its event loop answers."""
    return Response('{"status":"alive"}', media_type=JSON)


@router.head("/readyz", include_in_schema=False)
@router.get(
    "/readyz",
    response_model=ApiStatusDocument,
    responses={503: {"model": ApiStatusDocument, "description": "Postgres does not answer."}},
)
async def readyz(dependencies: OpenDependencies) -> Response:
    """Whether calls should be sent here. `degraded` is 200 too: jobs are accepted without Redis and S3."""
    states = await dependencies.probes.states()
    down = {name for name, state in states.items() if state.status is Condition.DOWN}
    status = ApiStatus.UNAVAILABLE if "postgres" in down else ApiStatus.DEGRADED if down else ApiStatus.READY
    warnings = []
    if "postgres" not in down:
        await dependencies.gauges.refresh()
        if count := dependencies.gauges.unsandboxed:
            warnings = [f"workers that render without Chromium's sandbox (CHROMIUM_SANDBOX=off): {count}"]
    document = ApiStatusDocument(status=status, dependencies=dict(states), warnings=warnings)
    code = HTTPStatus.SERVICE_UNAVAILABLE if status is ApiStatus.UNAVAILABLE else HTTPStatus.OK
    return json_answer(document, code)


class ScalingDocument(BaseModel):
    """How many workers there should be, in a form that autoscalers read."""

    suggested_replicas: int = Field(description="As in `GET /v1/fleet`.")
    backlog_seconds: float = Field(description="`backlog.seconds` of `GET /v1/fleet`; -1: no slots.")
    oldest_queued_seconds: float = Field(description="`backlog.oldest_queued_s` of `GET /v1/fleet`.")


@router.get("/scaling", response_model=ScalingDocument, **problems(503))
async def scaling(dependencies: OpenDependencies) -> Response:
    """How many workers there should be, at most 5 seconds old; for KEDA's `metrics-api` scaler.

    While Postgres does not answer this is 503 and no number, so that an autoscaler leaves the fleet as it is.
    """
    await dependencies.gauges.refresh()
    demand = dependencies.gauges.demand
    if demand is None:
        raise UnavailableError(ErrorType.DATABASE_UNAVAILABLE, "the open jobs cannot be counted")
    seconds = rule.backlog_s(demand)
    return json_answer(
        ScalingDocument(
            suggested_replicas=rule.suggested_replicas(demand),
            backlog_seconds=-1.0 if math.isinf(seconds) else round(seconds, 3),
            oldest_queued_seconds=round(demand.oldest_ready_s, 3),
        )
    )


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(dependencies: OpenDependencies) -> Response:
    """Metrics in Prometheus' text format; `docs/metrics.md` lists them."""
    await dependencies.gauges.refresh()
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
