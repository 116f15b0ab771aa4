"""(i) Whether renders take longer while their worker's browser is being replaced."""

import asyncio
import json
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Final

from deploy.embedded.processes.process import ChildProcess
from tests.bench.cases.case import Bench
from tests.bench.clients.logging_worker import GIVEN, LEFT
from tests.bench.clients.product import Api, Product, ProductError
from tests.bench.report.measure import Spread, cpu_s, figure, percentile, until_idle
from tests.bench.report.plots import distribution
from tests.bench.report.report import Aim, Plot, Section, Table
from tests.site.server import Site
from worker.pool.replacement_stats import Meeting

_AIM_RATIO: Final = 1.25
_AIM_WAIT_MS: Final = 50.0
# So that hundreds of renders overlap with a replacement, but most do not.
_AGE_S: Final = 3.0
_SLOTS: Final = 2
# Only one page: of different pages, slow ones overlap with a replacement more often.
_PAGE: Final = "/photo"
_WAIT_S: Final = 60
_MODULE: Final = "tests.bench.clients.logging_worker"


class Part(StrEnum):
    """How a render overlapped with a replacement."""

    APART = "apart"
    BESIDE = "of these, beside the launch or the old one's end"
    FIRST = "of these, first in the new browser"


@dataclass(frozen=True, slots=True)
class Rendered:
    """One render.

    Attributes:
        total_ms: duration of its attempt: waiting for a page, rendering, upload.
        waited_ms: how long it waited for its slot and its page.
        making_ms: how long making the page took; 0 when a warm page was ready.
    """

    part: Part
    total_ms: float
    waited_ms: float
    making_ms: float

    @property
    def browser_wait_ms(self) -> float:
        """The wait for a browser and a cleared slot, without the making of a page."""
        return self.waited_ms - self.making_ms


@dataclass(frozen=True, slots=True)
class Level:
    """Results under one load.

    Attributes:
        callers: how many renders ran at a time.
        recycles: how many replacements there were.
        cpu_ms: CPU of the worker per render, replacements included.
    """

    callers: int
    rounds: Sequence[Sequence[Rendered]]
    recycles: int
    cpu_ms: Spread

    @property
    def name(self) -> str:
        """For tables."""
        return f"{self.callers} at a time"


async def run(bench: Bench) -> Section:
    """Measure, and make the section."""
    async with AsyncExitStack() as stack:
        site = stack.enter_context(Site())
        settings = {
            "egress_allow": "127.0.0.1",
            "browser_max_pages": f"{_SLOTS}",
            "browser_max_age_s": f"{_AGE_S:g}",
            "log_format": "json",
        }
        product = await stack.enter_context(Product.start(bench.folder, **settings)).migrated()
        api = stack.enter_context(product.api())
        worker = stack.enter_context(product.worker(_MODULE))
        await product.api_ready(api)
        await product.worker_ready(worker)
        url = site.url(_PAGE)
        await _block(api, worker, url, callers=_SLOTS, count=6)  # the first render of a page costs more
        levels = [await _level(bench, api, worker, url, callers) for callers in (1, _SLOTS)]
    return _section(bench, levels)


async def _level(bench: Bench, api: Api, worker: ChildProcess, url: str, callers: int) -> Level:
    rounds, cpu_ms = [], []
    before = _recycles(worker)
    count = bench.pick(5, 2)
    for number in range(1, count + 1):
        bench.say(f"{callers} at a time, round {number} of {count}")
        spent = cpu_s(worker.pid)
        found = await _block(api, worker, url, callers=callers, count=bench.pick(260, 24))
        await until_idle(worker.pid)
        cpu_ms.append((cpu_s(worker.pid) - spent) / len(found) * 1000)
        rounds.append(found)
    return Level(callers, rounds, _recycles(worker) - before, Spread.of(cpu_ms))


async def _block(api: Api, worker: ChildProcess, url: str, *, callers: int, count: int) -> list[Rendered]:
    """Do `count` renders with `callers` callers, each with one render at a time."""
    turns = iter(range(count))
    jobs: list[dict[str, Any]] = []
    request = api.request("POST", "/v1/jobs", document={"url": url}, prefer=f"wait={_WAIT_S}")

    async def call() -> None:
        caller = await api.connect()
        try:
            for _ in turns:
                answer = await caller.call(request)
                job = answer.json()
                if answer.status != HTTPStatus.OK or job["status"] != "succeeded":
                    raise ProductError(f"A render did not succeed: {answer.status} {job}")
                jobs.append(job)
        finally:
            caller.close()

    await asyncio.gather(*(call() for _ in range(callers)))
    lines = _lines(worker)
    given, left = (
        {line["job_id"]: line for line in lines if line["event"] == word} for word in (GIVEN, LEFT)
    )
    return [_rendered(job["timings_ms"]["total"], given[job["id"]], left[job["id"]], callers) for job in jobs]


def _rendered(total_ms: float, given: dict[str, Any], left: dict[str, Any], callers: int) -> Rendered:
    part = Part.FIRST if given["ordinal"] <= callers else Part.BESIDE
    if left["meeting"] == Meeting.APART:
        part = Part.APART
    return Rendered(part, total_ms, left["waited_ms"], given["took_ms"])


def _lines(worker: ChildProcess) -> list[dict[str, Any]]:
    return [json.loads(line) for line in worker.log_text().splitlines() if line.startswith("{")]


def _recycles(worker: ChildProcess) -> int:
    return sum(line["event"] == "browser replaced" for line in _lines(worker))


def _section(bench: Bench, levels: Sequence[Level]) -> Section:
    section = Section("Replacing a browser: what renders notice of it")
    rows: list[tuple[str, ...]] = []
    series: dict[str, list[float]] = {}
    for level in levels:
        found = [one for block in level.rounds for one in block]
        met, apart = _split(found)
        if not met or not apart:
            raise ProductError(f"{len(met)} renders overlapped and {len(apart)} did not: too few to compare")
        section.aims += _aims(level.name, met, apart)
        groups = {"apart": apart, "overlapping": met}
        groups |= {part: [one for one in met if one.part is part] for part in (Part.BESIDE, Part.FIRST)}
        rows += [_row(f"{level.name}: {name}", group) for name, group in groups.items() if group]
        series |= {f"{level.name}: {name}": _totals(groups[name]) for name in ("apart", "overlapping")}
    section.parts += [
        _METHOD,
        Table(_COLUMNS, rows),
        Table(_LEVELS, [_level_row(level) for level in levels]),
    ]
    title = "Renders that meet a replacement, and others"
    plot = distribution(bench.plots / "recycle.png", title=title, unit="ms", series=series)
    section.parts.append(Plot(plot, "distribution of the time of renders"))
    return section


_METHOD: Final = (
    f"One worker with {_SLOTS} slots whose browser is replaced every {_AGE_S:g} s (BROWSER_MAX_AGE_S; 3,600 "
    "by default). One page, the photographs, so many renders under way at any time. *Overlapping* are those "
    "that were in the pool at any time between the launch of the next browser and the end of the old one, as "
    "the worker itself knows it (`worker/pool/replacement_stats.py`); *apart* are all others of the same "
    "run. *Total* is the attempt as the job's document tells it: waiting for a page, rendering, upload. "
    "*Wait* is from asking "
    "for a page to having it: for a cleared slot, for a browser, and (*page made*) for a page where no "
    "warm one was left. What is left of it without the latter is the wait for a browser that is judged."
)
_COLUMNS: Final = (
    "ms",
    "renders",
    "total p50",
    "p90",
    "p99",
    "max",
    "wait p90",
    "max",
    "page made, max",
    "the rest, max",
)
_LEVELS: Final = (
    "",
    "replacements",
    "CPU ms a render, replacements included",
    "p50 overlapping / apart, by round",
    "p90 overlapping / apart, by round",
)


def _split(found: Sequence[Rendered]) -> tuple[list[Rendered], list[Rendered]]:
    """The renders that overlapped with a replacement, and the others."""
    met = [one for one in found if one.part is not Part.APART]
    return met, [one for one in found if one.part is Part.APART]


def _totals(found: Sequence[Rendered]) -> list[float]:
    return [one.total_ms for one in found]


def _aims(name: str, met: list[Rendered], apart: list[Rendered]) -> list[Aim]:
    p99s = percentile(_totals(met), 99), percentile(_totals(apart), 99)
    longest_ms, others_ms = (max(one.browser_wait_ms for one in found) for found in (met, apart))
    return [
        Aim(
            f"{name}: p99 of renders that overlap a replacement at most {_AIM_RATIO} x the others'",
            f"{figure(p99s[0] / p99s[1])} x ({figure(p99s[0])} and {figure(p99s[1])} ms)",
            p99s[0] <= _AIM_RATIO * p99s[1],
        ),
        Aim(
            f"{name}: none of them waits more than {_AIM_WAIT_MS:g} ms for a browser",
            f"{figure(longest_ms)} ms at worst of {len(met)}; others {figure(others_ms)} ms",
            longest_ms <= _AIM_WAIT_MS,
        ),
    ]


def _row(name: str, found: list[Rendered]) -> tuple[str, ...]:
    waits_ms = [one.waited_ms for one in found]
    return (
        name,
        f"{len(found):,}",
        *(figure(percentile(_totals(found), percent)) for percent in (50, 90, 99, 100)),
        *(figure(percentile(waits_ms, percent)) for percent in (90, 100)),
        figure(max(one.making_ms for one in found)),
        figure(max(one.browser_wait_ms for one in found)),
    )


def _level_row(level: Level) -> tuple[str, ...]:
    ratios: dict[int, list[float]] = {50: [], 90: []}
    for block in level.rounds:
        met, apart = _split(block)
        for percent, found in ratios.items():
            if met and apart:
                found.append(percentile(_totals(met), percent) / percentile(_totals(apart), percent))
    spreads = [str(Spread.of(found)) if found else "" for found in ratios.values()]
    return (level.name, f"{level.recycles}", str(level.cpu_ms), *spreads)
