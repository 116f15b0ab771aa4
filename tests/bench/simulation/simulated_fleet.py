"""A fleet in simulated time: jobs arrive, wait, hold a slot and end; workers start and stop as a scaler says.

Tenants take turns as in `fleet/queue/fair_queue.py`, with equal weights. A tenant with a cap never runs more
jobs. A worker that is told to stop takes no jobs, ends those that it has, and is paid until then.
"""

import heapq
import math
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from tests.bench.simulation.jobs import MINUTE_S, Load, SimulatedJob

SLOTS_EACH: Final = 4
MOST_WORKERS: Final = 50
# How often an autoscaler looks, and how long a worker takes from the wish for it to its first job.
LOOK_EVERY_S: Final = 15.0
START_S: Final = 20.0


@dataclass(slots=True)
class Waiting:
    """What a tenant has waiting and running.

    Attributes:
        queue: its jobs that wait.
        running: how many run.
        turn: the smallest of all tenants is next.
        ended: by minute, the seconds that its jobs held a slot.
    """

    queue: deque[SimulatedJob] = field(default_factory=deque)
    running: int = 0
    turn: int = 0
    ended: dict[int, list[float]] = field(default_factory=dict)


@dataclass(slots=True)
class Outcome:
    """What came of a load.

    Attributes:
        waits_s: how long the jobs of each tenant waited for a slot.
        busy_s: slot-seconds in which jobs ran.
        paid_s: worker-seconds that were paid.
        most_workers: the most workers at once.
        jobs_by_look: of the looks of the scaler, the most jobs that ran at once between it and the next.
    """

    waits_s: dict[str, list[float]] = field(default_factory=dict)
    busy_s: float = 0.0
    paid_s: float = 0.0
    most_workers: int = 0
    jobs_by_look: list[int] = field(default_factory=list)

    @property
    def utilisation(self) -> float:
        """The share of the paid slots in which jobs ran."""
        return self.busy_s / (self.paid_s * SLOTS_EACH)


class SimulatedFleet:
    """One run of a load.

    Attributes:
        now_s: the simulated time.
        workers: those that take jobs.
        starting: when each worker that was asked for will take jobs.
        tenants: what waits and runs.
        cpu_s: CPU that the jobs which run use a second, summed up.
    """

    def __init__(
        self, load: Load, *, workers: int = 1, most_workers: int = MOST_WORKERS, start_s: float = START_S
    ) -> None:
        self.load = load
        self.now_s = 0.0
        self.workers = workers
        self.starting: list[float] = []
        self.tenants: dict[str, Waiting] = {job.tenant: Waiting() for job in load.jobs}
        self.cpu_s = 0.0
        self.outcome = Outcome({name: [] for name in self.tenants})
        self._start_s = start_s
        self._most_workers = most_workers
        self._ends: list[tuple[float, int, SimulatedJob]] = []
        self._clock = 0

    @property
    def running(self) -> int:
        """How many jobs run."""
        return len(self._ends)

    @property
    def queued(self) -> int:
        """How many jobs wait."""
        return sum(len(one.queue) for one in self.tenants.values())

    def run(self, desired: "Callable[[SimulatedFleet], int]") -> Outcome:
        """Run until all jobs have ended.

        Args:
            desired: how many workers there should be, asked at each look.
        """
        arriving = deque(self.load.jobs)
        look_s = 0.0
        while arriving or self._ends or self.queued:
            next_s = min(
                look_s,
                arriving[0].arrives_s if arriving else math.inf,
                self._ends[0][0] if self._ends else math.inf,
                self.starting[0] if self.starting else math.inf,
            )
            self._advance(next_s)
            while self.starting and self.starting[0] <= next_s:
                self.starting.pop(0)
                self.workers += 1
            while self._ends and self._ends[0][0] <= next_s:
                self._end(heapq.heappop(self._ends)[2])
            while arriving and arriving[0].arrives_s <= next_s:
                self._enqueue(arriving.popleft())
            if look_s <= next_s:
                look_s += LOOK_EVERY_S
                self._resize(max(1, min(self._most_workers, desired(self))))
                self.outcome.jobs_by_look.append(0)
            self._fill()
            seen = self.outcome.jobs_by_look
            seen[-1] = max(seen[-1], self.running)
        return self.outcome

    def _advance(self, to_s: float) -> None:
        passed_s = to_s - self.now_s
        stopping = max(0, math.ceil(self.running / SLOTS_EACH) - self.workers)
        paid = self.workers + len(self.starting) + stopping
        self.outcome.busy_s += self.running * passed_s
        self.outcome.paid_s += paid * passed_s
        self.outcome.most_workers = max(self.outcome.most_workers, paid)
        self.now_s = to_s

    def _resize(self, wanted: int) -> None:
        have = self.workers + len(self.starting)
        if wanted > have:
            self.starting += [self.now_s + self._start_s] * (wanted - have)
            return
        while have > wanted and self.starting:
            self.starting.pop()
            have -= 1
        self.workers -= have - wanted

    def _enqueue(self, job: SimulatedJob) -> None:
        tenant = self.tenants[job.tenant]
        if not tenant.queue:
            tenant.turn = max(tenant.turn, self._clock)
        tenant.queue.append(job)

    def _fill(self) -> None:
        while self.running < self.workers * SLOTS_EACH:
            able = [
                one
                for name, one in self.tenants.items()
                if one.queue and one.running < self.load.caps.get(name, math.inf)
            ]
            if not able:
                return
            tenant = min(able, key=lambda one: one.turn)
            self._clock = tenant.turn
            tenant.turn += 1
            tenant.running += 1
            job = tenant.queue.popleft()
            self.outcome.waits_s[job.tenant].append(self.now_s - job.arrives_s)
            self.cpu_s += job.cpu_s / job.service_s
            heapq.heappush(self._ends, (self.now_s + job.service_s, id(job), job))

    def _end(self, job: SimulatedJob) -> None:
        tenant = self.tenants[job.tenant]
        tenant.running -= 1
        tenant.ended.setdefault(int(self.now_s // MINUTE_S), []).append(job.service_s)
        self.cpu_s -= job.cpu_s / job.service_s

    def mean_service_s(self, tenant: Waiting, *, minutes: int, fewest: int) -> float | None:
        """How long jobs of a tenant held a slot lately, in whole minutes that are over. None: too few."""
        now = int(self.now_s // MINUTE_S)
        lately = [seconds for minute in range(now - minutes, now) for seconds in tenant.ended.get(minute, ())]
        return sum(lately) / len(lately) if len(lately) >= fewest else None
