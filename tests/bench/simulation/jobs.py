"""Jobs that simulated callers send: when, whose, and how long each holds a slot."""

import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

# Seconds that a page waits for its servers, beside what its render takes on this machine: any of these.
NETWORK_S: Final = (0.2, 0.5, 1.0, 2.0, 5.0)
MINUTE_S: Final = 60.0
HOUR_S: Final = 3600.0
USUAL: Final = "usual"
FLOOD: Final = "flood"
BURST_JOBS: Final = 10_000
FLOOD_CAP: Final = 8


@dataclass(frozen=True, slots=True)
class MeasuredRender:
    """One render that was measured: how long it took, and how much CPU it used, in seconds."""

    wall_s: float
    cpu_s: float


@dataclass(frozen=True, slots=True)
class SimulatedJob:
    """One job.

    Attributes:
        arrives_s: when it is sent, in seconds from the beginning.
        tenant: whose it is.
        service_s: how long it holds a slot.
        cpu_s: CPU that it uses meanwhile.
    """

    arrives_s: float
    tenant: str
    service_s: float
    cpu_s: float


@dataclass(frozen=True, slots=True)
class Load:
    """What callers do.

    Attributes:
        name: for the report.
        jobs: in the order of their arrival.
        until_s: when the last caller has stopped.
        caps: how many jobs of a tenant may run at once; any number of the others.
    """

    name: str
    jobs: Sequence[SimulatedJob]
    until_s: float
    caps: dict[str, int]


def loads(renders: Sequence[MeasuredRender], *, hours: float) -> list[Load]:
    """The four loads of the report.

    Args:
        renders: renders to draw from.
        hours: how long the day is; 24, or fewer for a quick run.
    """
    numbers = random.Random(4)  # noqa: S311 - the same callers every time
    day_s = hours * HOUR_S

    def job(arrives_s: float, tenant: str = USUAL) -> SimulatedJob:
        render = numbers.choice(renders)
        return SimulatedJob(arrives_s, tenant, render.wall_s + numbers.choice(NETWORK_S), render.cpu_s)

    def arrivals(until_s: float, rate: Callable[[float], float], most: float) -> list[SimulatedJob]:
        """A Poisson process whose rate, in jobs a second, changes (thinning)."""
        made, now_s = [], 0.0
        while (now_s := now_s + numbers.expovariate(most)) < until_s:
            if numbers.random() * most < rate(now_s):
                made.append(job(now_s))
        return made

    def of_the_day(now_s: float) -> float:
        return 0.2 + 4.8 * math.sin(math.pi * now_s / day_s) ** 2

    at_once = [job(10 * MINUTE_S) for _ in range(BURST_JOBS)]
    flood = [job(10 * MINUTE_S, FLOOD) for _ in range(BURST_JOBS)]
    return [
        Load("steady", arrivals(2 * HOUR_S, lambda _: 3.0, 3.0), 2 * HOUR_S, {}),
        Load("diurnal", arrivals(day_s, of_the_day, 5.0), day_s, {}),
        Load(
            "burst of 10,000",
            sorted([*arrivals(HOUR_S, lambda _: 0.5, 0.5), *at_once], key=lambda one: one.arrives_s),
            HOUR_S,
            {},
        ),
        Load(
            "one tenant's flood",
            sorted([*arrivals(HOUR_S, lambda _: 2.0, 2.0), *flood], key=lambda one: one.arrives_s),
            HOUR_S,
            {FLOOD: FLOOD_CAP},
        ),
    ]
