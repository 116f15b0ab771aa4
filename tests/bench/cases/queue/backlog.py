"""(d) What a POST and a pickup cost behind 100,000 queued jobs, against an empty queue."""

import json
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Final
from uuid import UUID

import uuid_utils.compat as uuid_utils
from arq.connections import ArqRedis

from deploy.embedded.engines.ports import LOOPBACK
from fleet.database import Database, DatabaseSettings
from fleet.jobs.attempts import claim
from fleet.queue import arq_adapter, dispatch, fair_queue
from fleet.queue.entry import QueuedJob, QueueEntry
from tests.bench.cases.case import Bench
from tests.bench.cases.queue.post import DOCUMENT
from tests.bench.clients.product import Api, Product, ProductError
from tests.bench.clients.responder import Responder, responder
from tests.bench.report.measure import Spread, cpu_s, interleave, percentile, ratios
from tests.bench.report.plots import bars
from tests.bench.report.report import Aim, Plot, Section, Table
from worker.maintenance.sweeper import Sweeper

_EMPTY: Final = "empty queue"
_LONG: Final = "backlog"
_BATCH: Final = 1_000
_LEASE: Final = timedelta(seconds=15)
_SWEEP_INTERVAL: Final = timedelta(seconds=5)
# The rounds of one queue differ by about as much.
_FLAT: Final = 1.25


@dataclass(frozen=True, slots=True)
class BacklogStage:
    """A separate queue: a database in Postgres and in Redis, and an API process."""

    product: Product
    api: Api
    pool: Database
    redis: ArqRedis
    worker_id: UUID
    sweeper: Sweeper


@dataclass(frozen=True, slots=True)
class Round:
    """Results of one block: some POSTs, then as many pickups, then one sweep."""

    post_ms: float
    post_p99_ms: float
    post_cpu_ms: float
    pickup_ms: float
    pickup_p99_ms: float
    pickup_cpu_ms: float
    sweep_ms: float


async def run(bench: Bench) -> Section:
    """Measure, and make the section."""
    queued = bench.pick(100_000, 20_000)
    count = bench.pick(200, 100)
    async with AsyncExitStack() as stack:
        engines = stack.enter_context(Product.start(bench.folder))
        log = bench.folder / "load.log"
        load = await stack.enter_async_context(
            responder("tests.bench.clients.load", environment=engines.variables, log=log)
        )
        stages = {
            name: await _stage(stack, engines, f"stage{number}", number)
            for number, name in enumerate((_EMPTY, _LONG))
        }
        await _fill(bench, stages[_LONG], queued)

        def block(stage: BacklogStage, count: int) -> Callable[[], Awaitable[Round]]:
            return lambda: _block(stage, load, count)

        for stage in stages.values():
            await _block(stage, load, 20)  # the first calls open connections and plan statements
        rounds = bench.pick(9, 2)
        results = await interleave(
            {name: block(stage, count) for name, stage in stages.items()},
            rounds=rounds,
            tell=bench.teller("POST and pickup", rounds),
        )
        left = await stages[_LONG].redis.zcard(arq_adapter.QUEUE)
    if left != queued:
        raise ProductError(f"The backlog should have stayed at {queued} ids, but Redis holds {left}.")
    return _section(bench, queued, count, results)


async def _stage(stack: AsyncExitStack, engines: Product, name: str, number: int) -> BacklogStage:
    product = await engines.with_database(name, redis_number=number)
    api = stack.enter_context(product.api(f"api-{number}"))
    pool = await Database.open(DatabaseSettings(database_url=product.database_url), application="bench")
    stack.push_async_callback(pool.close)
    redis = arq_adapter.connect(product.redis_url, timeout_s=5)
    stack.push_async_callback(redis.aclose, close_connection_pool=True)
    await product.api_ready(api)
    sweeper = Sweeper(pool, redis, lease=_LEASE, interval=_SWEEP_INTERVAL)
    return BacklogStage(product, api, pool, redis, uuid_utils.uuid7(), sweeper)


async def _fill(bench: Bench, stage: BacklogStage, count: int) -> None:
    """Queue jobs that are an hour old, in bulk: rows by COPY, ids by the product's own function."""
    tenant_id = await stage.pool.fetchval("SELECT id FROM tenants")
    text, digest = json.dumps(DOCUMENT), bytes(32)
    then = datetime.now(UTC) - timedelta(hours=1)
    times = ("queued_at", "dispatched_at", "created_at", "run_after")
    columns = ("id", "tenant_id", "request", "request_digest", "max_attempts", *times)
    for start in range(0, count, 20 * _BATCH):
        ids = [uuid_utils.uuid7() for _ in range(min(20 * _BATCH, count - start))]
        rows = [(job_id, tenant_id, text, digest, 3, then, then, then, then) for job_id in ids]
        async with stage.pool.connection() as connection:
            await connection.copy_records_to_table("jobs", records=rows, columns=columns, timeout=60)
        for batch in range(0, len(ids), _BATCH):
            queued = [QueuedJob(QueueEntry(job_id, 1), tenant_id) for job_id in ids[batch : batch + _BATCH]]
            if not await dispatch.dispatch(stage.redis, queued):
                raise ProductError("Redis did not take the backlog.")
        bench.say(f"{start + len(ids):,} of {count:,} jobs queued")
    # autovacuum would do this within a minute.
    async with stage.pool.connection() as connection:
        await connection.execute("VACUUM ANALYZE jobs", timeout=60)


async def _block(stage: BacklogStage, load: Responder, count: int) -> Round:
    engine_pids = stage.product.engine_pids.values()
    pids = (stage.api.child.pid, *engine_pids)
    before = cpu_s(*pids)
    answer = await load.ask(
        host=LOOPBACK,
        port=stage.api.port,
        request=stage.api.request("POST", "/v1/jobs", document=DOCUMENT).decode(),
        connections=1,
        requests=count,
    )
    if answer["statuses"] != {str(HTTPStatus.ACCEPTED.value): count}:
        raise ProductError(f"Not every POST was answered with 202: {answer['statuses']}")
    posted, engines_before = cpu_s(*pids), cpu_s(*engine_pids)
    pickups_ms = [await _pick_up(stage) for _ in range(count)]
    picked = cpu_s(*engine_pids)
    started = time.perf_counter()
    await stage.sweeper.sweep()
    sweep_ms = (time.perf_counter() - started) * 1000
    return Round(
        post_ms=percentile(answer["latencies_ms"], 50),
        post_p99_ms=percentile(answer["latencies_ms"], 99),
        post_cpu_ms=(posted - before) / count * 1000,
        pickup_ms=percentile(pickups_ms, 50),
        pickup_p99_ms=percentile(pickups_ms, 99),
        pickup_cpu_ms=(picked - engines_before) / count * 1000,
        sweep_ms=sweep_ms,
    )


async def _pick_up(stage: BacklogStage) -> float:
    """Take the first id and claim its job, as a worker does; the time in milliseconds."""
    started = time.perf_counter()
    [taken] = await fair_queue.take(stage.redis, 1)
    entry = QueueEntry.parse(taken)
    attempt = await claim.claim(stage.pool, entry, worker_id=stage.worker_id, lease=_LEASE)
    elapsed_ms = (time.perf_counter() - started) * 1000
    if attempt is None:
        raise ProductError(f"The job {entry.job_id} was in Redis but could not be claimed.")
    return elapsed_ms


_ROWS: Final = {
    "post_ms": "POST, p50 ms",
    "post_p99_ms": "POST, p99 ms",
    "post_cpu_ms": "POST, CPU ms of API and engines",
    "pickup_ms": "pickup, p50 ms",
    "pickup_p99_ms": "pickup, p99 ms",
    "pickup_cpu_ms": "pickup, CPU ms of the engines",
    "sweep_ms": "one sweep, ms",
}
_JUDGED: Final = {"post_ms": "POST", "pickup_ms": "pickup"}


def _section(bench: Bench, queued: int, count: int, results: dict[str, list[Round]]) -> Section:
    def values(name: str, field: str) -> list[float]:
        return [getattr(measured, field) for measured in results[name]]

    ratio = {field: ratios(values(_LONG, field), values(_EMPTY, field)) for field in _ROWS}
    section = Section(
        f"Backlog: {queued:,} queued jobs against an empty queue",
        aims=[
            Aim(
                f"{words} behind {queued:,} jobs: at most {_FLAT:g} x the cost on an empty queue",
                f"{ratio[field]} x",
                ratio[field].median <= _FLAT,
            )
            for field, words in _JUDGED.items()
        ],
    )
    section.parts.append(
        "Two queues side by side, each with a database, a numbered Redis and an API process of its own on "
        f"the same servers; one holds {queued:,} queued jobs an hour old. By turns, {count} POSTs on one "
        "connection, then as many pickups (from Redis, then the claim, without rendering: on the long queue "
        "they take its oldest jobs), then one sweep of "
        "`worker/maintenance/sweeper.py`, which each worker does every 5 s. The backlog keeps its length."
    )
    rows = [
        (
            words,
            str(Spread.of(values(_EMPTY, field))),
            str(Spread.of(values(_LONG, field))),
            str(ratio[field]),
        )
        for field, words in _ROWS.items()
    ]
    section.parts.append(Table(("", _EMPTY, f"{queued:,} jobs", "ratio, round by round"), rows))
    groups = {"post_ms": "POST p50", "pickup_ms": "pickup p50", "sweep_ms": "one sweep"}
    plot = bars(
        bench.plots / "backlog.png",
        title=f"Cost behind {queued:,} queued jobs",
        unit="ms",
        groups=list(groups.values()),
        series={name: [Spread.of(values(name, field)) for field in groups] for name in (_EMPTY, _LONG)},
    )
    section.parts.append(Plot(plot, f"POST, pickup and sweep on an empty queue and behind {queued:,} jobs"))
    return section
