"""Where the milliseconds go between the call of a waiting caller and its answer, one render at a time."""

import asyncio
import json
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final
from uuid import UUID

import asyncpg

from deploy.embedded.engines.ports import LOOPBACK
from tests.bench.cases.case import Bench
from tests.bench.cases.render.render_cost import environment_of, start_contender, start_service
from tests.bench.clients.caller import Caller
from tests.bench.clients.product import Api, ProductError
from tests.bench.clients.responder import responder
from tests.bench.report.measure import Spread, figure
from tests.bench.report.plots import Layer, stacks
from tests.bench.report.report import Aim, Plot, Section, Table

_PAGES: Final = {"tiny": "/tiny", "photos": "/photo", "dashboard": "/dashboard", "long document": "/long"}
_WAIT_S: Final = 60
_STAGES: Final = ("context", "navigation", "readiness", "capture", "upload")
# In their order; what is between two time stamps of different processes is of one machine's clock.
PARTS: Final = {
    "accept": "from the call until the job is in Postgres",
    "pick up": "until a worker has it: commit, queue, bell, claim",
    "context": "what the page gets before it loads, and the wait for it",
    "navigation": "until the answer begins",
    "readiness": "until the page is at rest",
    "capture": "the picture, its look, its file",
    "upload": "into S3",
    "around": "the rest of the attempt: reading the request, settling the memory, giving the page back",
    "record": "until the end is in Postgres",
    "answer": "until the caller has it: announcement, reading the job, signing its links",
}
_COLOURS: Final = (
    "#999999",
    "#666666",
    "#CC79A7",
    "#0072B2",
    "#56B4E9",
    "#009E73",
    "#E69F00",
    "#D9D9D9",
    "#F0E442",
    "#D55E00",
)
_TIMES: Final = """
    SELECT j.id, j.queued_at, a.started_at, j.finished_at, j.timings_ms
    FROM jobs j JOIN attempts a ON a.job_id = j.id AND a.attempt = j.attempt
"""
_METHOD: Final = (
    "`POST /v1/jobs` with `Prefer: wait`, one at a time, each after a pause of a second; the last line is of "
    "calls that follow each other at once: the page of the next render is made beside each. *raw DevTools* "
    "is that of the cost of a render, called in turn with the service after the same pause; it has no store, "
    "no queue and no wait for the page to be at rest. Each part is the median of its own times, so their sum "
    "is not quite the median of the whole."
)
# Longer than a worker takes for renders that follow each other (worker/pool/generation.py).
_PAUSE_S: Final = 1.0
_AIM: Final = 1.08


async def run(bench: Bench) -> Section:
    """Measure, and make the section."""
    count = bench.pick(25, 3)
    async with AsyncExitStack() as stack:
        site = await stack.enter_async_context(
            responder(
                "tests.bench.clients.serve", environment=environment_of(bench), log=bench.folder / "site.log"
            )
        )
        service = await start_service(stack, bench, site.ready["port"])
        raw = await start_contender(stack, bench, "raw")
        calls: dict[str, dict[UUID, tuple[datetime, datetime]]] = {}
        at_once_ms: dict[str, list[float]] = {}
        raw_ms: dict[str, list[float]] = {}
        for name, path in _PAGES.items():
            bench.say(name)
            url = f"http://{LOOPBACK}:{site.ready['port']}{path}"
            caller = await service.api.connect()
            made = [await _call(service.api, caller, url) for _ in range(count + 1)]
            at_once_ms[name] = [_ms(*times) for _, times in made[1:]]  # the first one costs more
            calls[name], raw_ms[name] = {}, []
            for _ in range(count):
                await asyncio.sleep(_PAUSE_S)
                job_id, times = await _call(service.api, caller, url)
                calls[name][job_id] = times
                await asyncio.sleep(_PAUSE_S)
                raw_ms[name] += (await raw.ask(url=url, full_page=False, count=1))["walls_ms"]
            caller.close()
        connection = await asyncpg.connect(service.product.database_url)
        try:
            rows = {row["id"]: row for row in await connection.fetch(_TIMES)}
        finally:
            await connection.close()
    found = {
        name: [_parts(rows[job_id], *times) for job_id, times in made_.items()]
        for name, made_ in calls.items()
    }
    return _section(bench, found, at_once_ms, raw_ms)


async def _call(api: Api, caller: Caller, url: str) -> tuple[UUID, tuple[datetime, datetime]]:
    """Render once; the job, when the call began and when its answer was there."""
    request = api.request("POST", "/v1/jobs", document={"url": url}, prefer=f"wait={_WAIT_S}")
    began, started = datetime.now(UTC), time.perf_counter()
    answer = await caller.call(request)
    ended = datetime.fromtimestamp(began.timestamp() + time.perf_counter() - started, UTC)
    job = answer.json()
    if answer.status != HTTPStatus.OK or job["status"] != "succeeded":
        raise ProductError(f"A render did not succeed: {answer.status} {job}")
    return UUID(job["id"]), (began, ended)


def _parts(row: asyncpg.Record, began: datetime, ended: datetime) -> dict[str, float]:
    """Milliseconds of each part of one render."""
    timings_ms = json.loads(row["timings_ms"])
    stages = {stage: timings_ms[stage] for stage in _STAGES}
    total_ms = timings_ms["total"]
    attempt_ms = _ms(row["started_at"], row["finished_at"])
    return {
        "accept": _ms(began, row["queued_at"]),
        "pick up": _ms(row["queued_at"], row["started_at"]),
        **stages,
        "around": max(0.0, total_ms - sum(stages.values())),
        "record": max(0.0, attempt_ms - total_ms),
        "answer": _ms(row["finished_at"], ended),
        "all": _ms(began, ended),
    }


def _ms(first: datetime, second: datetime) -> float:
    return max(0.0, (second - first).total_seconds() * 1000)


def _section(
    bench: Bench,
    found: Mapping[str, Sequence[Mapping[str, float]]],
    at_once_ms: Mapping[str, Sequence[float]],
    raw_ms: Mapping[str, Sequence[float]],
) -> Section:
    def spread(name: str, part: str) -> Spread:
        return Spread.of_middle_half([one[part] for one in found[name]])

    ratios = {name: spread(name, "all").median / Spread.of(raw_ms[name]).median for name in found}
    section = Section(
        "Latency: where the time of a waiting caller goes",
        aims=[
            Aim(
                f"a waiting caller's time at most {_AIM:g} x that of raw DevTools, on every page",
                ", ".join(f"{name} {figure(ratio)} x" for name, ratio in ratios.items()),
                max(ratios.values()) <= _AIM,
            )
        ],
    )
    layers = [
        Layer(part, [spread(name, part).median for name in found], colour)
        for part, colour in zip(PARTS, _COLOURS, strict=True)
    ]
    plot = stacks(
        bench.plots / "latency.png",
        title="From the call to its answer, after a pause of a second",
        unit="ms",
        groups=list(found),
        bars_of={"renderfleet": layers},
    )
    rows = [
        (f"{part}: {words}", *(figure(spread(name, part).median) for name in found))
        for part, words in PARTS.items()
    ]
    rows.append(("from the call to the answer", *(str(spread(name, "all")) for name in found)))
    raw = (str(Spread.of_middle_half(raw_ms[name])) for name in found)
    rows.append(("raw DevTools: from the call to the picture in memory", *raw))
    rows.append(("from the call to the answer / raw DevTools", *(figure(ratios[name]) for name in found)))
    at_once = (str(Spread.of_middle_half(at_once_ms[name])) for name in found)
    rows.append(("from the call to the answer, of calls that follow each other at once", *at_once))
    section.parts = [
        _METHOD,
        Plot(plot, "milliseconds between a call and its answer, by part"),
        "Medians, ms; those of the whole with the middle half:",
        Table(("", *found), rows),
    ]
    return section
