"""Whether the process is alive and ready, and its metrics. For orchestrators and Prometheus; needs no key."""

from enum import StrEnum
from http import HTTPStatus

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import BaseModel, Field
from starlette.responses import PlainTextResponse, Response

from api.dependencies import OpenDependencies
from api.http.json_answer import json_answer
from api.http.request_body import JSON
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


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(dependencies: OpenDependencies) -> Response:
    """Metrics in Prometheus' text format; `docs/metrics.md` lists them."""
    await dependencies.gauges.refresh()
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
