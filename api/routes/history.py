"""Figures over time: what has ended, how long it took, and the state of the fleet, in steps of minutes."""

from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Self
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import AwareDatetime, BaseModel, Field
from starlette.responses import Response

from api.dependencies import OpenDependencies, Operator, Parameters, Reader
from api.http.json_answer import json_answer
from api.http.problems import refused_field
from api.openapi.operations.parts import problems
from fleet.database import Database
from fleet.history.read import (
    EndedJobs,
    FleetSample,
    Percentiles,
    Period,
    counted_until,
    ended_jobs,
    fleet_samples,
)
from fleet.history.record import KEPT

_MINUTE: Final = timedelta(minutes=1)
_USUAL_SPAN: Final = timedelta(hours=6)
_USUAL_POINTS: Final = 360
_MOST_POINTS: Final = 1_500
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

router = APIRouter(prefix="/v1", tags=["fleet"])


class HistoryParameters(Parameters):
    """Which minutes are told, in how large steps."""

    since: AwareDatetime | None = Field(
        default=None,
        description="Where it begins (RFC 3339 with a time zone, `+` as `%2B`), at most 30 days ago; without "
        "it, six hours before its end. It is rounded down to a whole minute, or to a whole hour if the step "
        "is whole hours.",
        examples=["2026-01-31T06:00:00Z"],
    )
    until: AwareDatetime | None = Field(
        default=None,
        description="Where it ends; without it, at `counted_until`.",
        examples=["2026-01-31T12:00:00Z"],
    )
    step_s: int | None = Field(
        default=None,
        ge=60,
        le=86_400,
        multiple_of=60,
        description=f"Seconds of one point, whole minutes. Without it, so many that there are at most "
        f"{_USUAL_POINTS} points; more than 15 minutes are then whole hours.",
        examples=[300],
    )

    def period(self, counted: datetime) -> Period:
        """The minutes that are wanted, none of them after `counted`.

        Raises:
            RefusedError: there would be too many points.
        """
        oldest = counted - KEPT
        until = counted if self.until is None else _minute_of(min(max(self.until, oldest), counted))
        start = until - _USUAL_SPAN if self.since is None else _minute_of(min(max(self.since, oldest), until))
        start = max(start, oldest)
        step = None if self.step_s is None else timedelta(seconds=self.step_s)
        period = Period.of(start, until, step=step, points=_USUAL_POINTS)
        if len(period.points) > _MOST_POINTS:
            minutes = (period.until - period.start) // _MINUTE
            raise refused_field(
                "step_s",
                f"would give more than {_MOST_POINTS} points",
                allowed=f"{-(-minutes // _MOST_POINTS) * 60} or more, or a shorter time",
            )
        return period


class FleetHistoryParameters(HistoryParameters):
    """For operators: also whose."""

    tenant_id: UUID | None = Field(
        default=None, description="Only the jobs of this tenant; without it, those of all tenants."
    )


class StatesDocument(BaseModel):
    """How many jobs ended, by state."""

    succeeded: int
    failed: int
    cancelled: int
    expired: int


class PercentilesDocument(BaseModel):
    """Durations in milliseconds; null: there was no such job. Each is at most 9.1 % wrong."""

    p50: float | None = Field(description="Half of the jobs took no longer.")
    p95: float | None = Field(description="95 % of the jobs took no longer.")

    @classmethod
    def of(cls, found: Percentiles) -> Self:
        """The document of percentiles."""
        return cls(p50=found.p50, p95=found.p95)


class HistoryPointDocument(BaseModel):
    """The jobs that ended within one step."""

    at: datetime = Field(description="When the step begins.")
    ended: StatesDocument
    errors: dict[str, int] = Field(description="How many failed with each `error.type`.")
    total_ms: PercentilesDocument = Field(
        description="`timings_ms.total` of jobs that succeeded: from the claim to the end of the attempt."
    )
    queued_ms: PercentilesDocument = Field(
        description="`timings_ms.queued`: from the acceptance of a job until its last attempt began."
    )

    @classmethod
    def of(cls, ended: EndedJobs) -> Self:
        """The document of one step."""
        return cls(
            at=ended.at,
            ended=StatesDocument(**{str(state): jobs for state, jobs in ended.states.items()}),
            errors=dict(ended.errors),
            total_ms=PercentilesDocument.of(ended.total_ms),
            queued_ms=PercentilesDocument.of(ended.queued_ms),
        )


class HistoryDocument(BaseModel):
    """Jobs that ended, step by step."""

    since: datetime = Field(description="Where the first step begins.")
    until: datetime = Field(description="Where the last step ends. It may be shorter than the others.")
    step_s: int = Field(description="Seconds of one step.")
    counted_until: datetime = Field(
        description="Jobs that ended before this time are counted: a minute or two ago, while workers run."
    )
    points: list[HistoryPointDocument] = Field(description="One for each step, also if nothing ended.")


class FleetPointDocument(BaseModel):
    """The fleet within one step, of one look in each minute."""

    at: datetime = Field(description="When the step begins.")
    queued: int = Field(description="Queued jobs, the most.")
    oldest_queued_s: float = Field(description="Age of the oldest queued job, the greatest.")
    running: float = Field(description="Running jobs, on average.")
    workers: int = Field(description="Workers, the fewest.")
    slots: int = Field(description="Slots of all workers, the fewest.")
    memory_bytes: dict[UUID, int] = Field(description="Memory of each worker by its id, the most.")

    @classmethod
    def of(cls, sample: FleetSample) -> Self:
        """The document of one step."""
        return cls(
            at=sample.at,
            queued=sample.queued,
            oldest_queued_s=round(sample.oldest_queued_s, 1),
            running=round(sample.running, 2),
            workers=sample.workers,
            slots=sample.slots,
            memory_bytes=dict(sample.memory_bytes),
        )


class FleetHistoryDocument(HistoryDocument):
    """Jobs that ended, and the state of the fleet, step by step."""

    fleet: list[FleetPointDocument] = Field(
        description="The whole fleet. Steps in which no worker ran are missing."
    )


@router.get("/history", response_model=HistoryDocument, **problems(401, 403, 422, 503))
async def read_history(
    tenant: Reader, dependencies: OpenDependencies, parameters: Annotated[HistoryParameters, Query()]
) -> Response:
    """Your jobs that ended in the last 30 days: how many, with which errors, and how long they took."""
    return json_answer(await _history(dependencies.database, parameters, tenant.id))


@router.get("/fleet/history", response_model=FleetHistoryDocument, **problems(401, 403, 422, 503))
async def read_fleet_history(
    _operator: Operator,
    dependencies: OpenDependencies,
    parameters: Annotated[FleetHistoryParameters, Query()],
) -> Response:
    """The same of all tenants or of one, and the state of the fleet. Needs a key with the scope `admin`."""
    database = dependencies.database
    history = await _history(database, parameters, parameters.tenant_id)
    samples = await fleet_samples(
        database, Period(history.since, history.until, timedelta(seconds=history.step_s))
    )
    fleet = [FleetPointDocument.of(sample) for sample in samples]
    return json_answer(FleetHistoryDocument(**dict(history), fleet=fleet))


async def _history(
    database: Database, parameters: HistoryParameters, tenant_id: UUID | None
) -> HistoryDocument:
    counted = await counted_until(database)
    period = parameters.period(counted)
    return HistoryDocument(
        since=period.start,
        until=period.until,
        step_s=period.step // timedelta(seconds=1),
        counted_until=counted,
        points=[
            HistoryPointDocument.of(one) for one in await ended_jobs(database, period, tenant_id=tenant_id)
        ],
    )


def _minute_of(moment: datetime) -> datetime:
    """The beginning of the minute, in UTC."""
    return _EPOCH + (moment - _EPOCH) // _MINUTE * _MINUTE
