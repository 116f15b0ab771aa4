"""One run from beginning to end: load in legs, idle moments between them, and what is killed meanwhile."""

import asyncio
import os
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from itertools import cycle
from typing import Final

import asyncpg

from tests.bench.clients.product import Product
from tests.bench.report.measure import cpu_by_part, difference, quiet
from tests.chaos.clients.member import Member
from tests.chaos.clients.patience import until
from tests.kit.browser_stage import browser_pids as browsers_in
from tests.soak.fleet import Fleet, lines_of, opened, time_of
from tests.soak.load import Load
from tests.soak.memory import Memory, browser_pids, memory_of
from tests.soak.plan import Plan
from tests.soak.story import Kill, Moment, Story

_TELL_EVERY_S: Final = 10.0
_IDLE_SAMPLES: Final = 12
# A replaced browser has drained long before; one that hangs is an error that the figures show.
_SETTLE_S: Final = 30.0
_MB: Final = 1e6
# What a run may take beyond its seconds: jobs that are in flight, idle moments, the end of all processes.
_GRACE_S: Final = 600.0

# The driver reaps its browsers, and their CPU then counts as its own: the two are told together.
_COST: Final = {"Chromium": "browser and driver", "Playwright driver": "browser and driver"}
_ROWS: Final = "SELECT coalesce(error_type, state::text) AS word, count(*) FROM jobs GROUP BY 1"

Tell = Callable[[str], None]


async def run(product: Product, plan: Plan, tell: Tell) -> Story:
    """Do it. The engines must run on a migrated database, and run afterwards.

    Raises:
        TimeoutError: it did not come to an end.
        ProductError, NotReadyError: something of the product does not start.
    """
    async with asyncio.timeout(plan.seconds + _GRACE_S):
        async with opened(product, plan) as fleet:
            tell(f"{plan.workers} workers and the API are ready")
            played = _Run(fleet, plan, tell)
            await played.play()
            story = played.story
            story.rows = await _rows(product)
        story.left_behind = [f"browser with process id {pid}" for pid in browsers_in(product.folder)]
        _read_logs(story, fleet)
    return story


class _Run:
    """The parts of one run."""

    def __init__(self, fleet: Fleet, plan: Plan, tell: Tell) -> None:
        self.story = Story(plan, time.time())
        self._fleet = fleet
        self._plan = plan
        self._tell = tell
        self._load = Load(fleet, plan)
        self.story.ledger = self._load.ledger

    async def play(self) -> None:
        """Ask for all renders, leg by leg."""
        stop_at = self.story.began_at + self._plan.seconds
        legs = max(1, self._plan.looks)
        for leg in range(legs):
            count = self._plan.renders * (leg + 1) // legs - self._plan.renders * leg // legs
            async with self._watched(), self._counted():
                await self._load.ask(count, until=stop_at)
            if self._plan.looks:
                await self._look_at_rest()
            if time.time() >= stop_at:
                return

    @asynccontextmanager
    async def _watched(self) -> AsyncIterator[None]:
        """Beside the block: samples, progress, kills."""
        tasks = [asyncio.create_task(work) for work in (self._sample(), self._tell_often(), self._kill())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError):
                    await task

    @asynccontextmanager
    async def _counted(self) -> AsyncIterator[None]:
        """Count the CPU of the block, and its time."""
        pids = {"API": self._fleet.api.child.pid, **self._fleet.pids}
        began_at, before = time.time(), {name: cpu_by_part(pid) for name, pid in pids.items()}
        yield
        self.story.load_s += time.time() - began_at
        if pids.items() <= {"API": self._fleet.api.child.pid, **self._fleet.pids}.items():
            for name, pid in pids.items():
                for part, spent_s in difference(before[name], cpu_by_part(pid)).items():
                    word = _COST.get(part, part) if name != "API" else name
                    self.story.cpu_s[word] = self.story.cpu_s.get(word, 0.0) + spent_s

    async def _sample(self) -> None:
        while True:
            self.story.samples.append(self._moment(await self._memory()))
            await asyncio.sleep(self._plan.sample_s)

    async def _memory(self) -> dict[str, Memory]:
        pids = self._fleet.pids
        found = await asyncio.gather(*(asyncio.to_thread(memory_of, pid) for pid in pids.values()))
        return dict(zip(pids, found, strict=True))

    def _moment(self, memory: dict[str, Memory]) -> Moment:
        return Moment(time.time() - self.story.began_at, self.story.renders, memory)

    async def _look_at_rest(self) -> None:
        """Remember the memory of workers that have nothing to do and one browser each, with a warm page."""

        async def is_settled() -> bool:
            await quiet(*self._fleet.pids.values())
            return all(one.browsers == 1 for one in (await self._memory()).values())

        if not await until(is_settled, _SETTLE_S):
            self._tell("some worker does not come to rest with one browser; measured anyway")
        moments = []
        for _ in range(_IDLE_SAMPLES):
            moments.append(await self._memory())
            await asyncio.sleep(self._plan.idle_s / _IDLE_SAMPLES)
        moment = self._moment({name: Memory.median([one[name] for one in moments]) for name in moments[0]})
        self.story.idle.append(moment)
        self._tell(f"at rest after {moment.renders:,} renders: {_megabytes(moment)}")

    async def _tell_often(self) -> None:
        while True:
            await asyncio.sleep(_TELL_EVERY_S)
            ledger, seconds = self.story.ledger, time.time() - self.story.began_at
            rate = self.story.renders / seconds
            by_count = (self._plan.renders - self.story.renders) / max(rate, 0.01)
            left_s = max(0.0, min(by_count, self._plan.seconds - seconds))
            self._tell(
                f"{self.story.renders:,} renders, {rate:.1f}/s, {len(ledger.failed)} failed, "
                f"{len(self.story.kills)} browsers killed, {_megabytes(self.story.samples[-1])}, "
                f"at most {left_s / 60:.0f} min left"
            )

    async def _kill(self) -> None:
        """SIGKILL the browser of one worker after the other, while they render."""
        if self._plan.kill_every_s is None:
            return
        for worker in cycle(self._fleet.workers):
            await asyncio.sleep(self._plan.kill_every_s)
            await self._kill_browser(worker)

    async def _kill_browser(self, worker: Member) -> None:
        for pid in await asyncio.to_thread(browser_pids, worker.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                self.story.kills.append(Kill(time.time() - self.story.began_at, worker.name))


def _megabytes(moment: Moment) -> str:
    return " and ".join(f"{one.total / _MB:.0f}" for one in moment.memory.values()) + " MB"


async def _rows(product: Product) -> dict[str, int]:
    connection = await asyncpg.connect(product.database_url)
    try:
        return {row["word"]: row["count"] for row in await connection.fetch(_ROWS)}
    finally:
        await connection.close()


def _read_logs(story: Story, fleet: Fleet) -> None:
    """Add what only the workers know."""
    story.names = fleet.names()
    for worker in fleet.workers:
        lines = lines_of(worker)
        story.own_ends += len(worker.lives) - 1
        story.recycles.update(
            Counter(str(line["reason"]) for line in lines if line["event"] == "browser replaced")
        )
        story.crashes.update(
            Counter(str(line["reason"]) for line in lines if line["event"] == "the browser ended")
        )
        launches = [time_of(line) - story.began_at for line in lines if line["event"] == "browser launched"]
        story.kills = [
            replace(kill, back_s=min((at - kill.at_s for at in launches if at > kill.at_s), default=None))
            if kill.worker == worker.name
            else kill
            for kill in story.kills
        ]
