"""One run: phases of load, pauses between them to measure memory at rest, and kills of browsers."""

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
from tests.bench.report.measure import cpu_by_part, difference, until_idle
from tests.chaos.clients.supervised_process import SupervisedProcess
from tests.chaos.clients.waiting import until
from tests.kit.stages.browser_stage import browser_pids as browsers_in
from tests.soak.fleet import Fleet, lines_of, opened, time_of
from tests.soak.load import Load
from tests.soak.memory import Memory, browser_pids, memory_of
from tests.soak.plan import Plan
from tests.soak.result import Kill, MemorySample, RunResult

_REPORT_EVERY_S: Final = 10.0
_IDLE_SAMPLES: Final = 12
# A replaced browser ends long before this. If one hangs, the figures show it.
_SETTLE_S: Final = 30.0
_MB: Final = 1e6
# What a run may take after its seconds: running jobs, pauses, the end of all processes.
_GRACE_S: Final = 600.0

# When a browser ends, its CPU time is added to the driver's. So the two are reported together.
_COST: Final = {"Chromium": "browser and driver", "Playwright driver": "browser and driver"}
_ROWS: Final = "SELECT coalesce(error_type, state::text) AS word, count(*) FROM jobs GROUP BY 1"

Tell = Callable[[str], None]


async def run(product: Product, plan: Plan, tell: Tell) -> RunResult:
    """Do a run on running engines with a migrated database. The engines keep running.

    Raises:
        TimeoutError: it did not end in time.
        ProductError, NotReadyError: something of the product does not start.
    """
    async with asyncio.timeout(plan.seconds + _GRACE_S):
        async with opened(product, plan) as fleet:
            tell(f"{plan.workers} workers and the API are ready")
            running = _Run(fleet, plan, tell)
            await running.run()
            result = running.result
            result.rows = await _rows(product)
        result.left_behind = [f"browser with process id {pid}" for pid in browsers_in(product.folder)]
        _read_logs(result, fleet)
    return result


class _Run:
    """The parts of one run."""

    def __init__(self, fleet: Fleet, plan: Plan, tell: Tell) -> None:
        self.result = RunResult(plan, time.time())
        self._fleet = fleet
        self._plan = plan
        self._tell = tell
        self._load = Load(fleet, plan)
        self.result.ledger = self._load.ledger

    async def run(self) -> None:
        """Request all renders, in phases."""
        stop_at = self.result.began_at + self._plan.seconds
        phases = max(1, self._plan.idle_checks)
        for phase in range(phases):
            count = self._plan.renders * (phase + 1) // phases - self._plan.renders * phase // phases
            async with self._watched(), self._counted():
                await self._load.ask(count, until=stop_at)
            if self._plan.idle_checks:
                await self._measure_at_rest()
            if time.time() >= stop_at:
                return

    @asynccontextmanager
    async def _watched(self) -> AsyncIterator[None]:
        """While the block runs, take samples, print the progress, and kill browsers."""
        tasks = [asyncio.create_task(work) for work in (self._sample(), self._report(), self._kill())]
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
        """Measure the CPU time and the duration of the block."""
        pids = {"API": self._fleet.api.child.pid, **self._fleet.pids}
        began_at, before = time.time(), {name: cpu_by_part(pid) for name, pid in pids.items()}
        yield
        self.result.load_s += time.time() - began_at
        if pids.items() <= {"API": self._fleet.api.child.pid, **self._fleet.pids}.items():
            for name, pid in pids.items():
                for part, spent_s in difference(before[name], cpu_by_part(pid)).items():
                    word = _COST.get(part, part) if name != "API" else name
                    self.result.cpu_s[word] = self.result.cpu_s.get(word, 0.0) + spent_s

    async def _sample(self) -> None:
        while True:
            self.result.samples.append(self._moment(await self._memory()))
            await asyncio.sleep(self._plan.sample_s)

    async def _memory(self) -> dict[str, Memory]:
        pids = self._fleet.pids
        found = await asyncio.gather(*(asyncio.to_thread(memory_of, pid) for pid in pids.values()))
        return dict(zip(pids, found, strict=True))

    def _moment(self, memory: dict[str, Memory]) -> MemorySample:
        return MemorySample(time.time() - self.result.began_at, self.result.renders, memory)

    async def _measure_at_rest(self) -> None:
        """Measure the memory of workers that have nothing to do, with one browser and a warm page each."""

        async def is_settled() -> bool:
            await until_idle(*self._fleet.pids.values())
            return all(one.browsers == 1 for one in (await self._memory()).values())

        if not await until(is_settled, _SETTLE_S):
            self._tell("a worker is still busy or has several browsers; it is measured anyway")
        moments = []
        for _ in range(_IDLE_SAMPLES):
            moments.append(await self._memory())
            await asyncio.sleep(self._plan.idle_s / _IDLE_SAMPLES)
        moment = self._moment({name: Memory.median([one[name] for one in moments]) for name in moments[0]})
        self.result.idle.append(moment)
        self._tell(f"at rest after {moment.renders:,} renders: {_megabytes(moment)}")

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(_REPORT_EVERY_S)
            ledger, seconds = self.result.ledger, time.time() - self.result.began_at
            rate = self.result.renders / seconds
            by_count = (self._plan.renders - self.result.renders) / max(rate, 0.01)
            left_s = max(0.0, min(by_count, self._plan.seconds - seconds))
            self._tell(
                f"{self.result.renders:,} renders, {rate:.1f}/s, {len(ledger.failed)} failed, "
                f"{len(self.result.kills)} browsers killed, {_megabytes(self.result.samples[-1])}, "
                f"at most {left_s / 60:.0f} min left"
            )

    async def _kill(self) -> None:
        """Kill the browser of one worker after the other, for as long as renders are requested.

        On a busy machine a browser takes longer to start than the pause is. Then no job would ever end.
        """
        if self._plan.kill_every_s is None:
            return
        for worker in cycle(self._fleet.workers):
            await asyncio.sleep(self._plan.kill_every_s)
            if time.time() >= self.result.began_at + self._plan.seconds:
                return
            await self._kill_browser(worker)

    async def _kill_browser(self, worker: SupervisedProcess) -> None:
        for pid in await asyncio.to_thread(browser_pids, worker.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                self.result.kills.append(Kill(time.time() - self.result.began_at, worker.name))


def _megabytes(moment: MemorySample) -> str:
    return " and ".join(f"{one.total / _MB:.0f}" for one in moment.memory.values()) + " MB"


async def _rows(product: Product) -> dict[str, int]:
    connection = await asyncpg.connect(product.database_url)
    try:
        return {row["word"]: row["count"] for row in await connection.fetch(_ROWS)}
    finally:
        await connection.close()


def _read_logs(result: RunResult, fleet: Fleet) -> None:
    """Add what only the workers' logs contain."""
    result.names = fleet.names()
    for worker in fleet.workers:
        lines = lines_of(worker)
        result.own_ends += len(worker.runs) - 1
        result.recycles.update(
            Counter(str(line["reason"]) for line in lines if line["event"] == "browser replaced")
        )
        result.crashes.update(
            Counter(str(line["reason"]) for line in lines if line["event"] == "the browser ended")
        )
        launches = [time_of(line) - result.began_at for line in lines if line["event"] == "browser launched"]
        result.kills = [
            replace(kill, back_s=min((at - kill.at_s for at in launches if at > kill.at_s), default=None))
            if kill.worker == worker.name
            else kill
            for kill in result.kills
        ]
