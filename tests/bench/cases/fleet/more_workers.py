"""How much more a fleet does with more workers, when its pages wait for the network."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from typing import Final

import asyncpg

from tests.bench.cases.case import Bench
from tests.bench.clients.product import Api, Product, ProductError
from tests.bench.clients.slow_site import slow_site
from tests.bench.report.measure import cpu_s, figure
from tests.bench.report.report import Aim, Section, Table

SLOTS: Final = 4
# More, with as many seconds of the network for each, need more than the two cores of the machine.
COUNTS: Final = (1, 2, 4, 8)
AIMS: Final = {4: 3.8, 8: 7.5}
_NETWORK_S: Final = 5.0
# How many jobs each slot does. The first and the last are not counted: then not all slots are busy.
_ROUNDS: Final = 6
_FINISHED: Final = "SELECT finished_at FROM jobs WHERE state = 'succeeded' ORDER BY finished_at"
_OPEN: Final = "SELECT count(*) FROM jobs WHERE finished_at IS NULL"


@dataclass(frozen=True, slots=True)
class Throughput:
    """What so many workers do.

    Attributes:
        jobs_per_s: while all slots are busy.
        cores: used meanwhile by workers, API and engines.
    """

    jobs_per_s: float
    cores: float


async def run(bench: Bench) -> Section:
    """Measure, and make the section."""
    seconds = _NETWORK_S if not bench.is_quick else 1.0
    counts = COUNTS if not bench.is_quick else COUNTS[:2]
    settings = {"EGRESS_ALLOW": "127.0.0.1", "BROWSER_MAX_PAGES": str(SLOTS)}
    found = {}
    with Product.start(bench.folder, **settings) as engines:
        async with slow_site(seconds) as url:
            for number, count in enumerate(counts):
                product = await engines.with_database(f"workers_{count}", redis_number=number)
                found[count] = await _measure(product, url, count, seconds)
                bench.say(f"{count} workers: {figure(found[count].jobs_per_s)} jobs a second")
    return _section(found, seconds)


async def _measure(product: Product, url: str, count: int, seconds: float) -> Throughput:
    async with AsyncExitStack() as stack:
        api = stack.enter_context(product.api())
        await product.api_ready(api)
        workers = [stack.enter_context(product.worker()) for _ in range(count)]
        connection = await asyncpg.connect(product.database_url)
        stack.push_async_callback(connection.close)
        await product.workers_ready(workers)
        pids = [api.child.pid, *(worker.pid for worker in workers), *product.engine_pids.values()]
        before, started = cpu_s(*pids), asyncio.get_running_loop().time()
        await _enqueue(api, url, slots=count * SLOTS, seconds=seconds)
        while await connection.fetchval(_OPEN):  # noqa: ASYNC110 - looking seldom costs nothing
            await asyncio.sleep(0.2)
        elapsed = asyncio.get_running_loop().time() - started
        ends = [row["finished_at"] for row in await connection.fetch(_FINISHED)]
        return Throughput(_rate(ends, count * SLOTS), (cpu_s(*pids) - before) / elapsed)


async def _enqueue(api: Api, url: str, *, slots: int, seconds: float) -> None:
    """Fill the slots one after the other within the time of one page: later they stay as far apart."""
    caller = await api.connect()
    request = api.request("POST", "/v1/jobs", document={"url": url, "wait_until": "load"})
    try:
        for number in range(slots * _ROUNDS):
            answer = await caller.call(request)
            if answer.status != HTTPStatus.ACCEPTED:
                raise ProductError(f"A POST was answered with {answer.status}: {answer.body!r}")
            if number < slots:
                await asyncio.sleep(seconds / slots)
    finally:
        caller.close()


def _rate(ends: list[datetime], slots: int) -> float:
    """Jobs a second between the end of the first round and the beginning of the last."""
    if len(ends) < slots * _ROUNDS:
        raise ProductError(f"Only {len(ends)} of {slots * _ROUNDS} jobs succeeded.")
    counted = ends[slots : slots * (_ROUNDS - 1)]
    return (len(counted) - 1) / (counted[-1] - counted[0]).total_seconds()


def _section(found: dict[int, Throughput], seconds: float) -> Section:
    section = Section("More workers: pages that wait for the network")
    for count, least in AIMS.items():
        if count in found:
            times = found[count].jobs_per_s / found[1].jobs_per_s
            measured = f"{figure(times)} times"
            section.aims.append(
                Aim(f"1 to {count} workers: {least:g} times the throughput", measured, times >= least)
            )
    section.parts.append(
        f"Workers of {SLOTS} slots on one machine, and pages whose server answers after {seconds:g} s. Each "
        f"slot renders {_ROUNDS} of them; the first and the last round are not counted."
    )
    rows = [
        (
            str(count),
            figure(one.jobs_per_s),
            f"{one.jobs_per_s / found[1].jobs_per_s:.2f}",
            f"{one.jobs_per_s * seconds / (count * SLOTS):.0%}",
            figure(one.cores),
        )
        for count, one in found.items()
    ]
    header = ("workers", "jobs a second", "times one worker", "of what the pages allow", "cores used")
    section.parts.append(Table(header, rows))
    return section
