"""Is the process alive, is it ready, how is it doing: for orchestrators and Prometheus. No key is asked."""

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


class Readiness(StrEnum):
    """Whether calls should be sent here."""

    READY = "ready"
    DEGRADED = "degraded"
    UNAVAILABLE = "unavailable"


class ReadinessDocument(BaseModel):
    """Readiness with each dependency.

    Without Postgres nothing works. Without Redis jobs are accepted and start later. Without S3 no artifact
    can be stored or read.
    """

    status: Readiness = Field(description="ready or degraded (200), or unavailable (503).")
    dependencies: dict[str, DependencyState] = Field(description="postgres, redis and s3.")
    warnings: list[str] = Field(description="What is not as it should be, and does not keep calls away.")


@router.head("/livez", include_in_schema=False)
@router.get("/livez", response_model=dict[str, str])
async def livez() -> Response:
    """The event loop moves: it is what answers."""
    return Response('{"status":"alive"}', media_type=JSON)


@router.head("/readyz", include_in_schema=False)
@router.get(
    "/readyz",
    response_model=ReadinessDocument,
    responses={503: {"model": ReadinessDocument, "description": "Postgres does not answer."}},
)
async def readyz(dependencies: OpenDependencies) -> Response:
    """Each dependency with its status. `degraded` is 200: jobs are accepted without Redis and S3."""
    states = await dependencies.probes.states()
    down = {name for name, state in states.items() if state.status is Condition.DOWN}
    status = Readiness.UNAVAILABLE if "postgres" in down else Readiness.DEGRADED if down else Readiness.READY
    warnings = []
    if "postgres" not in down:
        await dependencies.gauges.refresh()
        if count := dependencies.gauges.unsandboxed:
            warnings = [f"workers that render without Chromium's sandbox (CHROMIUM_SANDBOX=off): {count}"]
    document = ReadinessDocument(status=status, dependencies=dict(states), warnings=warnings)
    code = HTTPStatus.SERVICE_UNAVAILABLE if status is Readiness.UNAVAILABLE else HTTPStatus.OK
    return json_answer(document, code)


@router.get("/metrics", response_class=PlainTextResponse)
async def metrics(dependencies: OpenDependencies) -> Response:
    """Metrics in Prometheus' text format; `docs/metrics.md` lists them."""
    await dependencies.gauges.refresh()
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
