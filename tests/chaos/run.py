"""One run from beginning to end: load, faults and watch together, then healing, draining and the verdict."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

import asyncpg

from tests.chaos.cases.episodes import EPISODES, Episode, Proof, Stage
from tests.chaos.cases.faults import Lane, Record
from tests.chaos.cases.scale import Scale
from tests.chaos.cases.script import Planned, numbers_of, script
from tests.chaos.clients.callers import Callers
from tests.chaos.clients.patience import until
from tests.chaos.clients.watch import AWAY, Watch
from tests.chaos.clients.world import WORKER, Ground, World, now, opened
from tests.chaos.report import audit
from tests.chaos.report.recovery import ENGINES, recoveries
from tests.chaos.report.verdict import Verdict, judge
from tests.kit.browser_stage import browser_pids

_TELL_EVERY_S: Final = 10.0
# Longer than any call is repeated: then each is accepted or was given up.
_POSTS_S: Final = 200.0
# What a run may take beyond its seconds: episodes that overrun, healing, draining.
_GRACE_S: Final = 600.0

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run does.

    Attributes:
        episodes: played alone, spread over the run, with faults at random between them.
        worker: the words that start a worker.
        has_random_faults: False: the episodes are all.
    """

    scale: Scale
    episodes: Sequence[Episode] = EPISODES
    worker: tuple[str, ...] = WORKER
    has_random_faults: bool = True


@dataclass(slots=True)
class Run:
    """The parts of one run."""

    plan: Plan
    world: World
    tell: Tell
    callers: Callers = field(init=False)
    watch: Watch = field(init=False)
    record: Record = field(default_factory=Record)
    proofs: list[Proof] = field(default_factory=list)
    began_at: float = field(default_factory=now)

    def __post_init__(self) -> None:
        """Wire callers and watch, which need each other."""
        numbers = numbers_of(self.plan.scale, "load")
        self.callers = Callers(self.world, numbers, open_jobs=lambda: self.watch.open_jobs)
        self.watch = Watch(self.world, self.callers.ledger, self.record)

    async def play(self) -> None:
        """Load and faults, then heal everything and let the jobs end."""
        async with asyncio.TaskGroup() as group:
            looking = [group.create_task(self.watch.look()), group.create_task(self._tell())]
            sending = group.create_task(self.callers.send())
            await self._play_script()
            sending.cancel()
            self.tell("no more load and no more faults: healing, then draining")
            await self.world.heal()
            await self.callers.posted(_POSTS_S)
            await self._drain()
            await self.callers.close()
            for task in looking:
                task.cancel()

    async def _play_script(self) -> None:
        lanes = {lane: script(self.plan.scale, lane) for lane in Lane}
        for number, episode in enumerate(self.plan.episodes, start=1):
            await self._perform(episode)
            if self.plan.has_random_faults:
                until = self.began_at + self.plan.scale.seconds * number / len(self.plan.episodes)
                async with asyncio.TaskGroup() as group:
                    for faults in lanes.values():
                        group.create_task(self._strike(faults, until))

    async def _strike(self, faults: Iterator[Planned], until: float) -> None:
        for planned in faults:
            await asyncio.sleep(planned.gap_s)
            if now() >= until:
                return
            await self.record.inflict(planned.kind, self.world, Random(planned.seed))  # noqa: S311 - repeatable

    async def _perform(self, episode: Episode) -> None:
        """Play an episode when nothing of the faults before it is felt any more."""
        await self.world.heal()
        felt_until = [
            (injury.ended_at or now()) + self.plan.scale.recovery_bound_s
            for injury in self.record.injuries
            if injury.kind.startswith(ENGINES)
        ]
        await asyncio.sleep(max(0.0, max(felt_until, default=0.0) - now()))
        proof = await episode(Stage(self.world, self.callers, self.record))
        self.proofs.append(proof)
        self.tell(f"{proof.episode}: {proof.shown}")

    async def _drain(self) -> None:
        # A look that began before the last call was accepted may not know that job.
        not_before = now() + 2

        async def is_empty() -> bool:
            return now() > not_before and not self.watch.open_jobs

        await until(is_empty, self.plan.scale.drain_s)

    async def _tell(self) -> None:
        while True:
            await asyncio.sleep(_TELL_EVERY_S)
            if not self.watch.samples:
                continue
            last = self.watch.samples[-1]
            self.tell(
                f"{last.accepted} accepted, {last.ended} ended, {last.queued + last.running} open, "
                f"{len(self.record.injuries)} faults, worst recovery {await self._worst_recovery()}"
            )

    async def _worst_recovery(self) -> str:
        try:
            connection = await asyncpg.connect(self.world.ground.database_url, timeout=2)
            try:
                trail = await audit.read(connection)
            finally:
                connection.terminate()
        except AWAY:
            return "not known: Postgres is away"
        found = recoveries(self.record.injuries, trail, bound_s=self.plan.scale.recovery_bound_s)
        known = [(one.seconds, one.kind) for one in found if one.seconds is not None]
        return "{:.1f} s ({})".format(*max(known)) if known else "none"


async def run(ground: Ground, plan: Plan, tell: Tell) -> Verdict:
    """Do it, and judge. The engines must run, and run afterwards.

    Raises:
        TimeoutError: it did not come to an end.
        tests.chaos.clients.member.NotReadyError: a process did not get ready with nothing in its way.
    """
    connection = await asyncpg.connect(ground.database_url)
    try:
        await audit.install(connection)
    finally:
        await connection.close()
    async with asyncio.timeout(plan.scale.seconds + _GRACE_S):
        async with opened(ground, plan.scale, worker=plan.worker) as world:
            played = Run(plan, world, tell)
            tell(f"{len(world.workers)} workers and {len(world.apis)} API processes are ready")
            await played.play()
        verdict = await judge(world, played.callers.ledger, played.record, played.watch, proofs=played.proofs)
    left = browser_pids(ground.folder)
    if left:
        verdict.left_behind = [f"browser with process id {pid}" for pid in left]
    verdict.began_at = played.began_at
    verdict.injuries = played.record.injuries
    return verdict
