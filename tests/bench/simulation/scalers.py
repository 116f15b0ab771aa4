"""Who says how many workers there should be: our rule, CPU, or somebody who knows the future."""

import math
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias
from uuid import NAMESPACE_URL, uuid5

from fleet.capacity.demand import USUAL_S, FleetDemand, TenantDemand
from fleet.capacity.rule import suggested_replicas
from tests.bench.simulation.simulated_fleet import LOOK_EVERY_S, SLOTS_EACH, SimulatedFleet

Scaler: TypeAlias = Callable[[SimulatedFleet], int]

# Kubernetes' HorizontalPodAutoscaler with its defaults, which KEDA uses too: it goes down only to the highest
# wish of five minutes, doubles or adds four at each look, and leaves a difference of 10 % alone.
_DOWN_AFTER_S: Final = 300.0
_ADDED_AT_ONCE: Final = 4
_TOLERANCE: Final = 0.1
# The share of the CPU requests at which an autoscaler by CPU aims; a usual choice.
_CPU_AIM: Final = 0.7
_MINUTES: Final = 15
_FEWEST: Final = 20


class Autoscaler:
    """Follows a wish as Kubernetes does."""

    def __init__(self, wish: Callable[[SimulatedFleet], float]) -> None:
        """Follow this wish: a number of workers, not rounded."""
        self._wish = wish
        self._wishes: deque[tuple[float, int]] = deque()

    def __call__(self, fleet: SimulatedFleet) -> int:
        """How many workers there should be now."""
        have = fleet.workers + len(fleet.starting)
        wish = self._wish(fleet)
        wanted = have if abs(wish / have - 1) <= _TOLERANCE else math.ceil(wish)
        self._wishes.append((fleet.now_s, wanted))
        while self._wishes[0][0] < fleet.now_s - _DOWN_AFTER_S:
            self._wishes.popleft()
        if wanted > have:
            return min(wanted, max(2 * have, have + _ADDED_AT_ONCE))
        return min(have, max(one for _, one in self._wishes))


def by_our_rule(fleet: SimulatedFleet) -> float:
    """What `suggested_replicas` says of what waits, with service times measured as in the product."""
    tenants = []
    for name, one in fleet.tenants.items():
        cap = fleet.load.caps.get(name)
        tenants.append(
            TenantDemand(
                tenant_id=uuid5(NAMESPACE_URL, name),
                name=name,
                ready=len(one.queue),
                running=one.running,
                max_running=cap,
                service_s=fleet.mean_service_s(one, minutes=_MINUTES, fewest=_FEWEST) or USUAL_S,
            )
        )
    demand = FleetDemand(tuple(tenants), fleet.workers, fleet.workers * SLOTS_EACH, is_paused=False)
    return suggested_replicas(demand)


def by_cpu(request_of_slot: float) -> Callable[[SimulatedFleet], float]:
    """What an autoscaler by CPU wishes.

    Args:
        request_of_slot: CPU that a worker requests for each of its slots, in cores.
    """

    def wish(fleet: SimulatedFleet) -> float:
        have = max(1, fleet.workers)
        return have * fleet.cpu_s / (have * SLOTS_EACH * request_of_slot) / _CPU_AIM

    return wish


def by_the_future(jobs_by_look: Sequence[int]) -> Scaler:
    """Has the slots, at once, of as many jobs as will run until the next look if none ever waits.

    Args:
        jobs_by_look: the most jobs that ran at once between looks, from a run with endless slots.
    """

    def desired(fleet: SimulatedFleet) -> int:
        look = int(fleet.now_s // LOOK_EVERY_S)
        coming = jobs_by_look[look] if look < len(jobs_by_look) else 0
        able = sum(
            min(len(one.queue) + one.running, fleet.load.caps.get(name, math.inf))
            for name, one in fleet.tenants.items()
        )
        return math.ceil(max(coming, able) / SLOTS_EACH)

    return desired
