"""Fifty workers on one machine: what they ask for at rest, and 150 jobs that all run at the same time."""

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import asyncpg
from redis.asyncio import Redis

from deploy.embedded.processes.process import ChildProcess
from tests.bench.cases.case import Bench
from tests.bench.clients.product import Api, Product, ProductError
from tests.bench.clients.slow_site import slow_site
from tests.bench.report.measure import cpu_s, figure
from tests.bench.report.report import Aim, Section, Table

_SLOTS: Final = 3
# Jobs come one after the other, and each waits until all have begun.
_NETWORK_S: Final = 30
_APART_S: Final = 0.1
_TRANSACTIONS: Final = (
    "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()"
)
_CONNECTIONS: Final = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
_STATES: Final = """
    SELECT count(*) FILTER (WHERE state = 'running'), count(*) FILTER (WHERE state = 'succeeded'),
           count(*) FILTER (WHERE state = 'failed'), count(DISTINCT worker_id),
           max(extract(epoch FROM started_at - created_at))::float
    FROM jobs
"""


@dataclass(frozen=True, slots=True)
class Rest:
    """What all workers use in a second while nothing is to be done."""

    worker_cores: float
    engine_cores: float
    transactions: float
    commands: float
    connections: int


@dataclass(frozen=True, slots=True)
class Burst:
    """What became of one job for each slot, all made at once.

    Attributes:
        most_running: at the same time.
        succeeded: jobs.
        failed: jobs.
        workers: that ran one.
        latest_s: from the POST of a job until its last attempt began, at most.
    """

    most_running: int
    succeeded: int
    failed: int
    workers: int
    latest_s: float


async def run(bench: Bench) -> Section:
    """Measure, and make the section."""
    count = bench.pick(50, 4)
    # Few connections each, or else they were more than Postgres allows (docs/operations/capacity.md).
    settings = {"EGRESS_ALLOW": "127.0.0.1", "BROWSER_MAX_PAGES": str(_SLOTS), "DATABASE_POOL_SIZE": "2"}
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(slow_site(bench.pick(_NETWORK_S, 3)))
        product = await stack.enter_context(Product.start(bench.folder, **settings)).migrated()
        api = stack.enter_context(product.api())
        await product.api_ready(api)
        connection = await asyncpg.connect(product.database_url)
        stack.push_async_callback(connection.close)
        workers = []
        for number in range(count):  # one after the other: at once, each would take minutes to start
            workers.append(stack.enter_context(product.worker()))
            await product.workers_ready(workers[-1:], besides=number)
            bench.say(f"{number + 1} of {count} workers")
        await asyncio.sleep(10)  # what a worker does once, after its start
        rest = await _rest(product, connection, workers, seconds=bench.pick(30, 5))
        bench.say("rest measured")
        burst = await _burst(api, connection, url, count * _SLOTS)
    return _section(count, rest, burst)


async def _rest(
    product: Product,
    connection: "asyncpg.Connection[asyncpg.Record]",
    workers: list[ChildProcess],
    *,
    seconds: float,
) -> Rest:
    redis = Redis.from_url(product.redis_url)

    async def used() -> list[float]:
        return [
            cpu_s(*(worker.pid for worker in workers)),
            cpu_s(*product.engine_pids.values()),
            await connection.fetchval(_TRANSACTIONS),
            (await redis.info("stats"))["total_commands_processed"],
        ]

    try:
        before, started = await used(), time.monotonic()
        await asyncio.sleep(seconds)
        after, elapsed = await used(), time.monotonic() - started
    finally:
        await redis.aclose()
    rates = [(one - other) / elapsed for one, other in zip(after, before, strict=True)]
    return Rest(rates[0], rates[1], rates[2], rates[3], await connection.fetchval(_CONNECTIONS))


async def _burst(api: Api, connection: "asyncpg.Connection[asyncpg.Record]", url: str, jobs: int) -> Burst:
    caller = await api.connect()
    document = {"url": url, "wait_until": "load", "timeout_ms": 180_000, "navigation_timeout_ms": 120_000}
    request = api.request("POST", "/v1/jobs", document=document)
    try:
        for _ in range(jobs):
            answer = await caller.call(request)
            if answer.status != HTTPStatus.ACCEPTED:
                raise ProductError(f"A POST was answered with {answer.status}: {answer.body!r}")
            await asyncio.sleep(_APART_S)
    finally:
        caller.close()
    most_running = 0
    while True:
        [(running, succeeded, failed, used, latest_s)] = await connection.fetch(_STATES)
        most_running = max(most_running, running)
        if succeeded + failed == jobs:
            return Burst(most_running, succeeded, failed, used, latest_s)
        await asyncio.sleep(0.2)


def _section(count: int, rest: Rest, burst: Burst) -> Section:
    jobs = count * _SLOTS
    section = Section(f"{count} workers on one machine")
    section.aims = [
        Aim(
            f"{jobs} slots: all are used at the same time",
            str(burst.most_running),
            burst.most_running == jobs,
        ),
        Aim(
            f"all of {jobs} jobs succeed",
            f"{burst.succeeded}, {burst.failed} failed",
            burst.succeeded == jobs,
        ),
    ]
    section.parts = [
        (
            f"{count} workers of {_SLOTS} slots, each with two connections to Postgres, and one API process. "
            f"First nothing is to be done; then {jobs} jobs are posted, one each {_APART_S:g} s, whose "
            f"pages answer after {_NETWORK_S:g} s. They ran on {burst.workers} workers, and the last one "
            f"began {burst.latest_s:.1f} s after its POST."
        ),
        Table(
            ("at rest", "all, in a second", "one worker"),
            [
                ("cores of the workers", figure(rest.worker_cores), figure(rest.worker_cores / count)),
                (
                    "cores of Postgres, Redis and S3",
                    figure(rest.engine_cores),
                    figure(rest.engine_cores / count),
                ),
                ("transactions of Postgres", figure(rest.transactions), figure(rest.transactions / count)),
                ("commands of Redis", figure(rest.commands), figure(rest.commands / count)),
                ("connections to Postgres", str(rest.connections), figure(rest.connections / count)),
            ],
        ),
    ]
    return section
