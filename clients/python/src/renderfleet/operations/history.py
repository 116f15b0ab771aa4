"""Figures over time."""

from datetime import datetime

from renderfleet.http.retries import Budget, answered, document_of
from renderfleet.http.steps import Call, Operation
from renderfleet.models.history import FleetHistory, History
from renderfleet.models.tenants import Tenant
from renderfleet.operations.lists import as_query
from renderfleet.operations.tenants import id_of


def read(
    since: datetime | None, until: datetime | None, step_s: int | None, budget: Budget
) -> Operation[History]:
    """Own jobs that ended."""
    query = as_query({"since": since, "until": until, "step_s": step_s})
    return History.of(document_of((yield from answered(Call("GET", "/v1/history", query), budget))))


def read_fleet(
    since: datetime | None,
    until: datetime | None,
    step_s: int | None,
    tenant: Tenant | str | None,
    budget: Budget,
) -> Operation[FleetHistory]:
    """Jobs of all tenants that ended, or of one, and the state of the fleet."""
    tenant_id = None if tenant is None else id_of(tenant)
    query = as_query({"since": since, "until": until, "step_s": step_s, "tenant_id": tenant_id})
    return FleetHistory.of(
        document_of((yield from answered(Call("GET", "/v1/fleet/history", query), budget)))
    )
