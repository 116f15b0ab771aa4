"""The slowest renders of a steady load of 50 %, for minutes, with all that goes on beside them."""

import asyncio
import itertools
import math
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from deploy.embedded.engines.ports import LOOPBACK
from tests.bench.cases.case import Bench
from tests.bench.cases.render.render_cost import environment_of, start_service
from tests.bench.clients.product import Api, ProductError
from tests.bench.clients.responder import responder
from tests.bench.report.measure import figure, percentile
from tests.bench.report.report import Aim, Section, Table

_PATHS: Final = ("/tiny", "/photo", "/dashboard", "/long")
_WAIT_S: Final = 60
_SHARE: Final = 0.5
_AIM: Final = 2.0
_SLOWEST: Final = 10
_FULL_CLIENTS: Final = 4
_SLOTS: Final = 2
# Often, so that some of each happen in the time of a run.
_SETTINGS: Final = {
    "browser_max_pages": str(_SLOTS),
    "browser_max_renders": "400",
    "sweep_interval_s": "10",
    "erase_interval_s": "10",
    "heartbeat_interval_s": "5",
}
# Calls that come by chance are measured for a part of the time: their tail is mostly chance.
_PART_BY_CHANCE: Final = 0.5
_METHOD: Final = (
    f"With {_FULL_CLIENTS} callers, each with one render under way, the service made {{}} renders a second. "
    "Then there were {} calls a second, whether or not earlier ones were answered: for {:.1f} minutes at "
    "even intervals, and for {:.1f} minutes by chance. Browsers are replaced after 400 renders, and sweeps "
    "and erasing run every 10 s."
)
_CHANCE: Final = (
    "Calls that come by chance also meet each other: with {} slots at half of the load, and renders whose "
    "length is exponential, one call in a hundred waits for more than {} mean renders (Erlang's formula C "
    "for M/M/c queues). That is `queued` here; only faster renders or more slots make it shorter."
)
_SLOWEST_WORDS: Final = "The slowest, and in what most of their time went (ms):"


@dataclass(frozen=True, slots=True)
class _Call:
    """One call: its page, how long it took, and what its job says."""

    path: str
    began_s: float
    wall_ms: float
    job: Mapping[str, Any]

    @property
    def slowness(self) -> str:
        """The part of the time that is longest."""
        timings = {name: ms for name, ms in self.job["timings_ms"].items() if name != "total"}
        known = {**timings, "around": self.wall_ms - sum(timings.values())}
        longest = sorted(known, key=lambda name: known[name], reverse=True)[:2]
        return ", ".join(f"{name} {known[name]:.0f}" for name in longest)


async def run(bench: Bench) -> Section:
    """Measure, and make the section."""
    seconds = bench.pick(round(bench.minutes * 60), 10)
    async with AsyncExitStack() as stack:
        site = await stack.enter_async_context(
            responder(
                "tests.bench.clients.serve", environment=environment_of(bench), log=bench.folder / "site.log"
            )
        )
        service = await start_service(stack, bench, site.ready["port"], **_SETTINGS)
        address = f"http://{LOOPBACK}:{site.ready['port']}"
        capacity = await _capacity(service.api, address, bench.pick(80, 8))
        rate = _SHARE * capacity
        bench.say(f"{figure(capacity)} renders/s at most; now {figure(rate)} for {seconds} s")
        even = await _steady(service.api, address, seconds, lambda: 1 / rate)
        chance_s = bench.pick(round(_PART_BY_CHANCE * seconds), 10)
        chance = random.Random(1)  # noqa: S311 - the same load each time
        bench.say(f"now by chance, for {chance_s} s")
        by_chance = await _steady(service.api, address, chance_s, lambda: chance.expovariate(rate))
    method = _METHOD.format(figure(capacity), figure(rate), seconds / 60, chance_s / 60)
    return _section(method, even, by_chance)


async def _capacity(api: Api, address: str, count: int) -> float:
    """Renders a second with enough callers."""
    paths = itertools.islice(itertools.cycle(_PATHS), count)
    await _render(api, address, _PATHS[1], 0.0)  # the first one costs more

    async def caller(paths: Iterator[str]) -> None:
        for path in paths:
            await _render(api, address, path, 0.0)

    started = time.perf_counter()
    await asyncio.gather(*(caller(paths) for _ in range(_FULL_CLIENTS)))
    return count / (time.perf_counter() - started)


async def _steady(api: Api, address: str, seconds: float, interval_s: Callable[[], float]) -> list[_Call]:
    """Calls with these intervals between them, whether or not earlier ones are answered."""
    paths = itertools.cycle(_PATHS)
    started = time.perf_counter()
    at_s, tasks = 0.0, []
    while (at_s := at_s + interval_s()) < seconds:
        await asyncio.sleep(max(0.0, started + at_s - time.perf_counter()))
        tasks.append(asyncio.create_task(_render(api, address, next(paths), at_s)))
    return list(await asyncio.gather(*tasks))


async def _render(api: Api, address: str, path: str, began_s: float) -> _Call:
    request = api.request("POST", "/v1/jobs", document={"url": address + path}, prefer=f"wait={_WAIT_S}")
    started = time.perf_counter()
    caller = await api.connect()
    try:
        answer = await caller.call(request)
    finally:
        caller.close()
    job = answer.json()
    if answer.status != HTTPStatus.OK or job["status"] != "succeeded":
        raise ProductError(f"A render did not succeed: {answer.status} {job}")
    return _Call(path, began_s, (time.perf_counter() - started) * 1000, job)


def chance_wait(slots: int, share: float) -> float:
    """What one call in a hundred waits for a slot at least, in mean renders, if there were only chance.

    Calls come as a Poisson process that takes this share of the capacity, and the lengths of renders are
    exponential: an M/M/c queue. Source: Erlang's formula C; the wait of those who wait is exponential, too.
    """
    offered = slots * share
    none_waits = sum(offered**count / math.factorial(count) for count in range(slots))
    some_wait = offered**slots / math.factorial(slots) / (1 - share)
    waiting = some_wait / (none_waits + some_wait)
    return max(0.0, math.log(waiting / 0.01)) / (slots * (1 - share))


def _section(method: str, even: Sequence[_Call], by_chance: Sequence[_Call]) -> Section:
    section = Section("The tail: the slowest renders of a steady load")
    ratios, table = _ratios(even)
    measured = ", ".join(f"{path} {figure(ratio)} x" for path, ratio in ratios.items())
    is_met = all(ratio <= _AIM for ratio in ratios.values())
    words = f"calls at even intervals: p99 at most {_AIM:g} x the p50, on every page"
    section.aims = [Aim(words, measured, is_met)]
    section.parts = [
        method,
        "At even intervals:",
        table,
        _SLOWEST_WORDS,
        _slowest(even),
        "By chance:",
        _ratios(by_chance)[1],
        _SLOWEST_WORDS,
        _slowest(by_chance),
        _CHANCE.format(_SLOTS, figure(chance_wait(_SLOTS, _SHARE))),
    ]
    return section


def _ratios(calls: Sequence[_Call]) -> tuple[Mapping[str, float], Table]:
    """The p99 of each page as a multiple of its p50, and a table of them."""
    rows, ratios = [], {}
    for path in _PATHS:
        walls = [call.wall_ms for call in calls if call.path == path]
        p50, p99 = percentile(walls, 50), percentile(walls, 99)
        ratios[path] = p99 / p50
        rows.append((path, str(len(walls)), *map(figure, (p50, p99, max(walls), p99 / p50))))
    return ratios, Table(("page", "renders", "p50, ms", "p99, ms", "max, ms", "p99 / p50"), rows)


def _slowest(calls: Sequence[_Call]) -> Table:
    slowest = sorted(calls, key=lambda call: call.wall_ms, reverse=True)[:_SLOWEST]
    rows = [(call.path, figure(call.began_s), figure(call.wall_ms), call.slowness) for call in slowest]
    return Table(("page", "at, s", "ms", "longest parts"), rows)
