"""Schedules: make, read, replace, switch, delete."""

from collections.abc import Mapping
from typing import Any

from renderfleet.http.retries import Budget, answered, document_of
from renderfleet.http.steps import Call, Operation
from renderfleet.models.jobs import Job
from renderfleet.models.schedules import Schedule
from renderfleet.operations.jobs import as_body
from renderfleet.operations.lists import segment

PATH = "/v1/schedules"


def _path(schedule: Schedule | str, *more: str) -> str:
    return "/".join([PATH, segment(schedule if isinstance(schedule, str) else schedule.id), *more])


def _sent(call: Call, budget: Budget) -> Operation[Schedule]:
    return Schedule.of(document_of((yield from answered(call, budget))))


def _body(cron: str, job: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    given = {name: value for name, value in more.items() if value is not None}
    return {"cron": cron, "job": as_body(job), **given}


def create(cron: str, job: Mapping[str, Any], more: Mapping[str, Any], budget: Budget) -> Operation[Schedule]:
    """Make a schedule. Not sent again if nobody knows whether it has arrived: there would be two."""
    call = Call("POST", PATH, body=_body(cron, job, more), is_repeatable=False)
    return (yield from _sent(call, budget))


def replace(
    schedule: Schedule | str, cron: str, job: Mapping[str, Any], more: Mapping[str, Any], budget: Budget
) -> Operation[Schedule]:
    """Replace a schedule by another one with the same id."""
    return (yield from _sent(Call("PUT", _path(schedule), body=_body(cron, job, more)), budget))


def read(schedule: Schedule | str, budget: Budget) -> Operation[Schedule]:
    """Read a schedule."""
    return (yield from _sent(Call("GET", _path(schedule)), budget))


def switch(schedule: Schedule | str, *, enabled: bool, budget: Budget) -> Operation[Schedule]:
    """Disable a schedule, or enable it again."""
    return (yield from _sent(Call("PATCH", _path(schedule), body={"enabled": enabled}), budget))


def run(schedule: Schedule | str, budget: Budget) -> Operation[Job]:
    """Make a job now. Not sent again if nobody knows whether it has arrived: there would be two."""
    call = Call("POST", _path(schedule, "run"), is_repeatable=False)
    return Job.of(document_of((yield from answered(call, budget))))


def delete(schedule: Schedule | str, budget: Budget) -> Operation[None]:
    """Delete a schedule; its jobs stay."""
    yield from answered(Call("DELETE", _path(schedule), is_repeatable=False), budget)
