"""What a tenant uses, beside what it may use."""

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from api.dependencies import Dependencies
from api.routes.me import limits_of
from fleet.capacity.demand import TenantDemand
from fleet.tenants.manage import TenantAccount
from fleet.tenants.tenant import Tenant


@dataclass(frozen=True, slots=True)
class Measure:
    """One thing that is limited.

    Attributes:
        limit: None: there is none.
    """

    title: str
    used: int
    limit: int | None


async def demand_of_tenants(dependencies: Dependencies) -> Mapping[UUID, TenantDemand]:
    """The open jobs of the tenants that have some."""
    return {one.tenant_id: one for one in (await dependencies.demand.read()).tenants}


def measures_of(
    dependencies: Dependencies, account: TenantAccount, demand: TenantDemand | None
) -> list[Measure]:
    """Queued, running and monthly jobs, each against the limit that counts now."""
    limits = limits_of(dependencies, _as_caller(account), account)
    return [
        Measure("Queued", 0 if demand is None else demand.queued, limits.max_queued),
        Measure("Running", 0 if demand is None else demand.running, limits.max_running),
        Measure("This month", account.renders_this_month, limits.max_renders_per_month),
    ]


def _as_caller(account: TenantAccount) -> Tenant:
    return Tenant(
        id=account.id,
        key_id="",
        scopes=frozenset(),
        weight=account.weight,
        max_queued=account.max_queued,
        max_requests_per_s=account.max_requests_per_s,
        burst=account.burst,
        max_renders_per_month=account.max_renders_per_month,
    )
