"""One run: load, faults and checks at the same time; then repairs, the end of all jobs, and the verdict."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

import asyncpg

from tests.chaos.cases.episodes import EPISODES, Episode, EpisodeContext, Proof
from tests.chaos.cases.faults import FaultLog, Lane
from tests.chaos.cases.lost_parts import parts_lost
from tests.chaos.cases.scale import Scale
from tests.chaos.cases.script import PlannedFault, numbers_of, script
from tests.chaos.clients.callers import Callers
from tests.chaos.clients.fleet_under_test import WORKER, FleetUnderTest, RunEnvironment, now, opened
from tests.chaos.clients.observer import AWAY, Observer
from tests.chaos.clients.waiting import until
from tests.chaos.report import audit
from tests.chaos.report.recovery import ENGINES, recoveries
from tests.chaos.report.verdict import Verdict, judge
from tests.kit.stages.browser_stage import browser_pids

_REPORT_EVERY_S: Final = 10.0
# Longer than any call is repeated: after this time each is accepted or was given up.
_POSTS_S: Final = 200.0
# What a run may take after its seconds: episodes that take longer, repairs, the end of all jobs.
_GRACE_S: Final = 600.0

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run does.

    Attributes:
        episodes: run one after the other, spread over the run, with random faults between them.
        worker: module and arguments of a worker.
        has_random_faults: False: there are only the episodes.
    """

    scale: Scale
    episodes: Sequence[Episode] = (*EPISODES, parts_lost)
    worker: tuple[str, ...] = WORKER
    has_random_faults: bool = True


@dataclass(slots=True)
class Run:
    """The parts of one run."""

    plan: Plan
    fleet: FleetUnderTest
    tell: Tell
    callers: Callers = field(init=False)
    observer: Observer = field(init=False)
    record: FaultLog = field(default_factory=FaultLog)
    proofs: list[Proof] = field(default_factory=list)
    began_at: float = field(default_factory=now)

    def __post_init__(self) -> None:
        """Create callers and observer, which need each other."""
        numbers = numbers_of(self.plan.scale, "load")
        self.callers = Callers(self.fleet, numbers, open_jobs=lambda: self.observer.open_jobs)
        self.observer = Observer(self.fleet, self.callers.ledger, self.record)

    async def run(self) -> None:
        """Cause load and faults, then repair everything and wait until the jobs have ended."""
        async with asyncio.TaskGroup() as group:
            looking = [
                group.create_task(self.observer.check_each_second()),
                group.create_task(self._report()),
            ]
            sending = group.create_task(self.callers.send())
            await self._run_script()
            sending.cancel()
            self.tell("no more load and no more faults: repairing, then waiting for all jobs to end")
            await self.fleet.restore_all()
            await self.callers.wait_for_posts(_POSTS_S)
            await self._drain()
            await self.callers.close()
            for task in looking:
                task.cancel()

    async def _run_script(self) -> None:
        lanes = {lane: script(self.plan.scale, lane) for lane in Lane}
        for number, episode in enumerate(self.plan.episodes, start=1):
            await self._perform(episode)
            if self.plan.has_random_faults:
                until = self.began_at + self.plan.scale.seconds * number / len(self.plan.episodes)
                async with asyncio.TaskGroup() as group:
                    for faults in lanes.values():
                        group.create_task(self._cause_faults(faults, until))

    async def _cause_faults(self, faults: Iterator[PlannedFault], until: float) -> None:
        for planned in faults:
            await asyncio.sleep(planned.gap_s)
            if now() >= until:
                return
            await self.record.cause(planned.kind, self.fleet, Random(planned.seed))  # noqa: S311 - repeatable

    async def _perform(self, episode: Episode) -> None:
        """Run an episode, when earlier faults have no effect any more."""
        await self.fleet.restore_all()
        felt_until = [
            (fault.ended_at or now()) + self.plan.scale.recovery_bound_s
            for fault in self.record.fault_events
            if fault.kind.startswith(ENGINES)
        ]
        await asyncio.sleep(max(0.0, max(felt_until, default=0.0) - now()))
        proof = await episode(EpisodeContext(self.fleet, self.callers, self.record))
        self.proofs.append(proof)
        self.tell(f"{proof.episode}: {proof.shown}")

    async def _drain(self) -> None:
        # A check that began before the last call was accepted may not contain that job.
        not_before = now() + 2

        async def is_empty() -> bool:
            return now() > not_before and not self.observer.open_jobs

        await until(is_empty, self.plan.scale.drain_s)

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(_REPORT_EVERY_S)
            if not self.observer.samples:
                continue
            last = self.observer.samples[-1]
            self.tell(
                f"{last.accepted} accepted, {last.ended} ended, {last.queued + last.running} open, "
                f"{len(self.record.fault_events)} faults, worst recovery {await self._worst_recovery()}"
            )

    async def _worst_recovery(self) -> str:
        try:
            connection = await asyncpg.connect(self.fleet.environment.database_url, timeout=2)
            try:
                trail = await audit.read(connection)
            finally:
                connection.terminate()
        except AWAY:
            return "not known: Postgres does not answer"
        found = recoveries(self.record.fault_events, trail, bound_s=self.plan.scale.recovery_bound_s)
        known = [(one.seconds, one.kind) for one in found if one.seconds is not None]
        return "{:.1f} s ({})".format(*max(known)) if known else "none"


async def run(environment: RunEnvironment, plan: Plan, tell: Tell) -> Verdict:
    """Do a run on running engines, and check it. The engines keep running.

    Raises:
        TimeoutError: it did not end in time.
        tests.chaos.clients.supervised_process.NotReadyError: a process did not get ready.
    """
    connection = await asyncpg.connect(environment.database_url)
    try:
        await audit.install(connection)
    finally:
        await connection.close()
    async with asyncio.timeout(plan.scale.seconds + _GRACE_S):
        async with opened(environment, plan.scale, worker=plan.worker) as fleet:
            running = Run(plan, fleet, tell)
            tell(f"{len(fleet.workers)} workers and {len(fleet.apis)} API processes are ready")
            await running.run()
        verdict = await judge(
            fleet, running.callers.ledger, running.record, running.observer, proofs=running.proofs
        )
    left = browser_pids(environment.folder)
    if left:
        verdict.left_behind = [f"browser with process id {pid}" for pid in left]
    verdict.began_at = running.began_at
    verdict.fault_events = running.record.fault_events
    return verdict
