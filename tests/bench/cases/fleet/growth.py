"""What workers and jobs ask of Postgres and Redis, and from that, what 10 to 1,000 workers need."""

import asyncio
from collections.abc import Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final

import asyncpg
from redis.asyncio import Redis

from tests.bench.cases.case import Bench
from tests.bench.clients.product import Api, Product, ProductError
from tests.bench.report.measure import cpu_s, figure
from tests.bench.report.plots import COLOURS, canvas, finish
from tests.bench.report.report import Plot, Section, Table

_IDLE_WORKERS: Final = 4
_FLEETS: Final = (1, 10, 100, 1000)
# A fleet that is computed: slots of a worker, seconds that a job holds one, and connections of a process.
_SLOTS: Final = 4
_JOB_S: Final = 5.0
_CONNECTIONS: Final = 8
_TRANSACTIONS: Final = (
    "SELECT xact_commit + xact_rollback FROM pg_stat_database WHERE datname = current_database()"
)
_ENDED: Final = "SELECT count(*) FROM jobs WHERE state = 'succeeded'"
_SIZE: Final = "SELECT pg_total_relation_size('jobs') + pg_total_relation_size('attempts')"
_JOB: Final = {"html": "<h1>plain</h1>"}


@dataclass(frozen=True, slots=True)
class Use:
    """What was used: numbers of transactions and commands, and seconds of CPU."""

    transactions: float
    commands: float
    postgres_s: float
    redis_s: float

    def __sub__(self, other: "Use") -> "Use":
        return self + other * -1

    def __add__(self, other: "Use") -> "Use":
        return Use(
            self.transactions + other.transactions,
            self.commands + other.commands,
            self.postgres_s + other.postgres_s,
            self.redis_s + other.redis_s,
        )

    def __mul__(self, times: float) -> "Use":
        return Use(
            self.transactions * times, self.commands * times, self.postgres_s * times, self.redis_s * times
        )


async def run(bench: Bench) -> Section:
    """Measure, compute, and make the section."""
    async with AsyncExitStack() as stack:
        product = await stack.enter_context(Product.start(bench.folder, browser_max_pages="4")).migrated()
        api = stack.enter_context(product.api())
        await product.api_ready(api)
        connection = await asyncpg.connect(product.database_url)
        stack.push_async_callback(connection.close)
        redis = Redis.from_url(product.redis_url)
        stack.push_async_callback(redis.aclose)

        async def use() -> Use:
            pids = product.engine_pids
            counted = (await redis.info("stats"))["total_commands_processed"]
            return Use(
                await connection.fetchval(_TRANSACTIONS),
                counted,
                cpu_s(pids["Postgres"]),
                cpu_s(pids["Redis"]),
            )

        async def over(seconds: float) -> Use:
            before = await use()
            await asyncio.sleep(seconds)
            return (await use() - before) * (1 / seconds)

        seconds = bench.pick(30, 5)
        without = await over(seconds)
        workers = [stack.enter_context(product.worker()) for _ in range(_IDLE_WORKERS)]
        await product.workers_ready(workers)
        await asyncio.sleep(5)  # what they do once, at their start
        resting = await over(seconds)
        idle = (resting - without) * (1 / _IDLE_WORKERS)
        bench.say("idle workers measured")
        count = bench.pick(200, 20)
        size = await connection.fetchval(_SIZE)
        before, started = await use(), asyncio.get_running_loop().time()
        await _jobs(api, connection, count)
        elapsed = asyncio.get_running_loop().time() - started
        job = (await use() - before - resting * elapsed) * (1 / count)
        row_bytes = (await connection.fetchval(_SIZE) - size) / count
    return _section(bench.plots / "growth.png", idle, job, row_bytes)


async def _jobs(api: Api, connection: "asyncpg.Connection[asyncpg.Record]", count: int) -> None:
    """Make so many jobs, and wait until all have succeeded."""
    caller = await api.connect()
    try:
        for _ in range(count):
            answer = await caller.call(api.request("POST", "/v1/jobs", document=_JOB))
            if answer.status != HTTPStatus.ACCEPTED:
                raise ProductError(f"A POST was answered with {answer.status}: {answer.body!r}")
    finally:
        caller.close()
    while await connection.fetchval(_ENDED) < count:  # noqa: ASYNC110 - seldom: it counts too
        await asyncio.sleep(1)


def _fleet(workers: int, idle: Use, job: Use) -> Use:
    """What a fleet uses in a second while all its slots are busy."""
    return idle * workers + job * (workers * _SLOTS / _JOB_S)


def _section(file: Path, idle: Use, job: Use, row_bytes: float) -> Section:
    section = Section("Growth: what 10 to 1,000 workers ask of Postgres and Redis")
    section.parts.append(
        f"Measured: {_IDLE_WORKERS} idle workers of four slots, beside the API alone; then plain jobs from "
        "the POST to the end, less what the same workers use at rest. CPU is that of the engines. Commands "
        "of Redis that scripts run inside of it are counted, too. A plain "
        f"job takes {row_bytes / 1024:.1f} KiB in Postgres, with its attempt and all indexes."
    )
    measured = {"an idle worker, in a second": idle, "a plain job": job}
    section.parts.append(
        Table(
            ("", "Postgres transactions", "Redis commands", "Postgres CPU ms", "Redis CPU ms"),
            [
                (
                    name,
                    *map(figure, (use.transactions, use.commands, use.postgres_s * 1000, use.redis_s * 1000)),
                )
                for name, use in measured.items()
            ],
        )
    )
    section.parts.append(
        f"Computed from these: fleets whose slots, {_SLOTS} a worker, are always busy with jobs that take "
        f"{_JOB_S:g} s. A use of 1 core is one core of this machine. Redis has one thread for commands. "
        f"Connections: {_CONNECTIONS} for each worker."
    )
    fleets = {workers: _fleet(workers, idle, job) for workers in _FLEETS}
    section.parts.append(
        Table(
            (
                "workers",
                "jobs/s",
                "transactions/s",
                "commands/s",
                "Postgres cores",
                "Redis cores",
                "connections",
            ),
            [
                (
                    f"{workers:,}",
                    *map(
                        figure,
                        (
                            workers * _SLOTS / _JOB_S,
                            use.transactions,
                            use.commands,
                            use.postgres_s,
                            use.redis_s,
                            workers * _CONNECTIONS,
                        ),
                    ),
                )
                for workers, use in fleets.items()
            ],
        )
    )
    section.parts.append(Plot(_plot(file, fleets), "cores of Postgres and Redis by the number of workers"))
    return section


def _plot(file: Path, fleets: Mapping[int, Use]) -> Path:
    figure_, axes = canvas("Busy fleets: cores that the engines use", "cores")
    series = {
        "Postgres": [use.postgres_s for use in fleets.values()],
        "Redis": [use.redis_s for use in fleets.values()],
    }
    for number, (label, values) in enumerate(series.items()):
        axes.plot(list(fleets), values, marker="o", label=label, color=COLOURS[number])
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel("workers of four slots")
    return finish(file, figure_, axes, None)
