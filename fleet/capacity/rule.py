"""The rule by which a fleet should grow and shrink. Pure: no clock, no database.

Work is counted in slot-seconds: ten jobs that hold a slot for 3 s each are 30. How long a job holds a slot is
measured (`fleet/capacity/demand.py`). So a backlog in seconds is the queued work divided by the throughput
of the slots that there are, and it means the same for light and for heavy pages. CPU does not say it: pages
that wait for the network fill all slots of a worker that has nothing to compute.
"""

import math
from collections.abc import Sequence
from typing import Final
from uuid import UUID

from fleet.capacity.demand import FleetDemand, TenantDemand

# So long may the suggested workers need for the present backlog.
CLEAR_WITHIN_S: Final = 60.0


def backlog_s(demand: FleetDemand) -> float:
    """Seconds that the present slots need for all jobs that wait for nothing but a free slot.

    Delayed jobs are not counted before their time. Of a tenant with a cap, only so much is counted as what is
    left of its cap can do in a minute: the rest waits for the cap, however many slots there are. Infinite:
    there is such work, but no slot.
    """
    work = sum(
        min(one.due * one.service_s, max(0.0, _cap(one) - one.running) * CLEAR_WITHIN_S)
        for one in demand.tenants
    )
    if work <= 0:
        return 0.0
    return work / demand.slots if demand.slots else math.inf


def suggested_replicas(demand: FleetDemand) -> int:
    """How many workers like the present ones would empty the queue within a minute; at least 1.

    Each tenant needs the slots in which its jobs run, and those that its queued work would fill for a minute,
    but never more than its cap. While the fleet is paused, workers can do nothing about the queue: then it is
    the number of those that there are.
    """
    if demand.is_paused:
        return max(1, demand.workers)
    wanted = sum(
        min(_cap(one), one.running + one.due * one.service_s / CLEAR_WITHIN_S) for one in demand.tenants
    )
    slots_each = demand.slots / demand.workers if demand.workers else 1.0
    return max(1, math.ceil(wanted / slots_each))


def tenant_backlogs_s(demand: FleetDemand) -> dict[UUID, float]:
    """Seconds after which each tenant's due jobs have ended, if no more come: with its share of the slots.

    Infinite: the tenant gets no slot.
    """
    shares = _shares([one for one in demand.tenants if one.due or one.running], demand.slots)
    return {
        one.tenant_id: one.due * one.service_s / share if (share := shares[one.tenant_id]) else math.inf
        for one in demand.tenants
        if one.due
    }


def _cap(tenant: TenantDemand) -> float:
    return math.inf if tenant.max_running is None else tenant.max_running


def _shares(tenants: Sequence[TenantDemand], slots: int) -> dict[UUID, float]:
    """The slots divided by weight. What a tenant cannot use, the others get (max-min fairness)."""
    shares: dict[UUID, float] = {}
    left, open_ = float(slots), list(tenants)
    while open_:
        unit = left / sum(one.weight for one in open_)
        full = [one for one in open_ if _most_used(one) <= unit * one.weight]
        if not full:
            return shares | {one.tenant_id: unit * one.weight for one in open_}
        for one in full:
            shares[one.tenant_id] = _most_used(one)
            left -= _most_used(one)
        open_ = [one for one in open_ if one.tenant_id not in shares]
    return shares


def _most_used(tenant: TenantDemand) -> float:
    return min(_cap(tenant), tenant.due + tenant.running)
