"""(g) What waiting callers cost: memory, CPU, connections to Postgres; and how fast all get their answers."""

import asyncio
import resource
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from http import HTTPStatus
from typing import Final
from uuid import UUID

import asyncpg
import psutil
import uuid_utils.compat as uuid_utils
from arq.connections import ArqRedis

from deploy.embedded.engines.ports import LOOPBACK
from fleet.queue import arq_adapter
from fleet.queue.announcements import CHANGES
from tests.bench.cases.case import Bench
from tests.bench.cases.queue.post import DOCUMENT
from tests.bench.clients.product import Api, Product, ProductError
from tests.bench.clients.responder import Responder, responder
from tests.bench.report.measure import Spread, cpu_s, percentile
from tests.bench.report.plots import bars
from tests.bench.report.report import Aim, Plot, Section, Table

_MIB: Final = 2**20
_AIM_MIB: Final = 512
_WAIT_S: Final = 60
_MANY: Final = 10_000
_OTHER_DESCRIPTORS: Final = 1_000
_POOL_SIZE: Final = 8

_NOBODY: Final = "nobody"
_FEW: Final = "some"
_ALL: Final = "all, a job each"
_ONE_JOB: Final = "all, one job"

_INSERT: Final = """
    INSERT INTO jobs (id, tenant_id, request, request_digest, max_attempts)
    SELECT id, (SELECT id FROM tenants), '{}', '\\x00', 3 FROM unnest($1::uuid[]) AS id
"""
# Like the worker's statement, for all jobs in one transaction.
_END: Final = """
    UPDATE jobs SET state = 'failed', attempt = 1, error_type = 'tls_error', finished_at = now()
    WHERE id = ANY($1::uuid[])
"""
_CONNECTIONS: Final = """
    SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'renderfleet-api/%'
"""
# What the answer of each caller must contain, in this order.
_STREAM: Final = ("HTTP/1.1 200", "event: queued", "event: running", '"status":"failed"')
_ANSWER: Final = ("HTTP/1.1 200", '"status":"failed"')


_AT_REST: Final = (_NOBODY,)
_ROWS: Final[dict[str, tuple[str, tuple[str, ...]]]] = {
    "rss_mib": ("RSS, MiB", ()),
    "pss_mib": ("PSS, MiB", ()),
    "highest_mib": ("highest RSS, MiB", ()),
    "idle_cpu_percent": ("CPU of the API while nothing happens, % of a core", ()),
    "engines_cpu_percent": ("CPU of the engines meanwhile, % of a core", ()),
    "connections": ("connections to Postgres", ()),
    "post_p50_ms": ("POST meanwhile, p50 ms", ()),
    "post_p99_ms": ("POST meanwhile, p99 ms", ()),
    "first_s": ("jobs' end to the first answer, s", _AT_REST),
    "last_s": ("jobs' end to the last answer, s", _AT_REST),
    "woken_post_p99_ms": ("POST while they are woken, p99 ms", _AT_REST),
}


@dataclass(frozen=True, slots=True)
class Round:
    """Results with some number of callers: while they wait, and when their jobs end."""

    rss_mib: float
    pss_mib: float
    highest_mib: float
    idle_cpu_percent: float
    engines_cpu_percent: float
    connections: int
    post_p50_ms: float
    post_p99_ms: float
    first_s: float = 0.0
    last_s: float = 0.0
    woken_post_p99_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class WaitingStage:
    """The product without a worker, the callers, and a client that submits jobs meanwhile."""

    bench: Bench
    product: Product
    api: Api
    connection: "asyncpg.Connection[asyncpg.Record]"
    redis: ArqRedis
    callers: Responder
    load: Responder


async def run(bench: Bench) -> Section:
    """Measure, and make the section."""
    many = bench.pick(_MANY, 400)
    _check_descriptors(many)
    rounds = bench.pick(3, 1)
    results: dict[str, list[Round]] = {name: [] for name in (_NOBODY, _FEW, _ALL, _ONE_JOB)}
    async with AsyncExitStack() as stack:
        stage = await _stage(stack, bench)
        await _post(stage, requests=50)  # the first calls open connections and load code
        results[_NOBODY].append(await _waiting(stage))
        # First with few callers: a process keeps the memory that it has once used.
        bench.say(f"{many // 10:,} callers")
        results[_FEW].append(await _measure_waiters(stage, many // 10, jobs=many // 10))
        for number in range(rounds):
            for name, jobs in ((_ALL, many), (_ONE_JOB, 1)):
                bench.say(f"round {number + 1} of {rounds}: {many:,} callers, jobs: {jobs:,}")
                results[name].append(await _measure_waiters(stage, many, jobs=jobs))
    return _section(bench, many, results)


def _check_descriptors(many: int) -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < many + _OTHER_DESCRIPTORS:
        raise ProductError(f"{many:,} callers need more file descriptors than `ulimit -Hn` allows: {hard:,}.")


async def _stage(stack: AsyncExitStack, bench: Bench) -> WaitingStage:
    # One tenant may have at most nine tenths of all waiting calls.
    places = str(_MANY * 5 // 4)
    engines = stack.enter_context(Product.start(bench.folder, log_level="info", api_max_waiters=places))
    product = await engines.migrated()
    api = stack.enter_context(product.api())
    await product.api_ready(api)
    connection = await asyncpg.connect(product.database_url)
    stack.push_async_callback(connection.close)
    redis = arq_adapter.connect(product.redis_url, timeout_s=5)
    stack.push_async_callback(redis.aclose, close_connection_pool=True)
    callers, load = [
        await stack.enter_async_context(
            responder(
                f"tests.bench.clients.{name}",
                environment=product.variables,
                log=bench.folder / f"{name}.log",
            )
        )
        for name in ("waiting_callers", "load")
    ]
    return WaitingStage(bench, product, api, connection, redis, callers, load)


async def _measure_waiters(stage: WaitingStage, callers: int, *, jobs: int) -> Round:
    """Connect callers, measure while they wait, end their jobs, and wait until all are answered."""
    ids = [uuid_utils.uuid7() for _ in range(jobs)]
    await stage.connection.execute("TRUNCATE jobs CASCADE")
    await stage.redis.flushdb()
    await stage.connection.execute(_INSERT, ids)
    await _connect(
        stage, [f"/v1/jobs/{ids[number % jobs]}/events" for number in range(0, callers, 2)], stream=True
    )
    paths = [f"/v1/jobs/{ids[number % jobs]}?wait={_WAIT_S}" for number in range(1, callers, 2)]
    await _connect(stage, paths, stream=False)
    await _until_taken(stage, callers)
    before = await _waiting(stage)
    return await _wake(stage, before, ids)


async def _connect(stage: WaitingStage, paths: list[str], *, stream: bool) -> None:
    requests = [stage.api.request("GET", path).decode() for path in paths]
    await stage.callers.ask(host=LOOPBACK, port=stage.api.port, requests=requests, is_stream=stream)


async def _until_taken(stage: WaitingStage, callers: int) -> None:
    """Wait until the API's metrics count all callers."""
    caller = await stage.api.connect()
    try:
        async with asyncio.timeout(_WAIT_S / 2):
            while True:
                text = (await caller.call(stage.api.request("GET", "/metrics"))).body.decode()
                counts = [line for line in text.splitlines() if line.startswith("renderfleet_waiters{")]
                if sum(float(line.rpartition(" ")[2]) for line in counts) == callers:
                    return
                await asyncio.sleep(0.1)  # a changed metric causes no event
    except TimeoutError:
        raise ProductError(
            f"The API does not hold {callers:,} waiting callers: {counts}. On a busy machine the first may "
            f"have waited {_WAIT_S} s before the last connected."
        ) from None
    finally:
        caller.close()


async def _waiting(stage: WaitingStage) -> Round:
    seconds = stage.bench.pick(5, 1)
    api_pid, engine_pids = stage.api.child.pid, stage.product.engine_pids.values()
    await asyncio.sleep(1)  # the API finishes its work for new connections
    memory = psutil.Process(api_pid).memory_full_info()
    api_before, engines_before = cpu_s(api_pid), cpu_s(*engine_pids)
    await asyncio.sleep(seconds)
    api_s, engines_s = cpu_s(api_pid) - api_before, cpu_s(*engine_pids) - engines_before
    connections = await stage.connection.fetchval(_CONNECTIONS)
    latencies_ms = await _post(stage, requests=stage.bench.pick(300, 50))
    return Round(
        rss_mib=memory.rss / _MIB,
        pss_mib=memory.pss / _MIB,
        highest_mib=memory.rss / _MIB,
        idle_cpu_percent=api_s / seconds * 100,
        engines_cpu_percent=engines_s / seconds * 100,
        connections=connections,
        post_p50_ms=percentile(latencies_ms, 50),
        post_p99_ms=percentile(latencies_ms, 99),
    )


async def _post(stage: WaitingStage, **limit: float) -> list[float]:
    """Send POSTs one after the other; the latency of each in milliseconds."""
    answer = await stage.load.ask(
        host=LOOPBACK,
        port=stage.api.port,
        request=stage.api.request("POST", "/v1/jobs", document=DOCUMENT).decode(),
        connections=1,
        **limit,
    )
    latencies_ms: list[float] = answer["latencies_ms"]
    if answer["statuses"] != {str(HTTPStatus.ACCEPTED.value): len(latencies_ms)}:
        raise ProductError(f"Not every POST was answered with 202: {answer['statuses']}")
    return latencies_ms


async def _wake(stage: WaitingStage, waiting: Round, ids: list[UUID]) -> Round:
    """End all jobs in one transaction and announce each, as workers do."""
    answers = asyncio.create_task(stage.callers.ask(stream=_STREAM, answer=_ANSWER))
    posts = asyncio.create_task(_post(stage, seconds=stage.bench.pick(4, 1)))
    await asyncio.sleep(0.2)  # POSTs are on their way
    await stage.connection.execute(_END, ids, timeout=30)
    ended_at = time.monotonic()
    async with stage.redis.pipeline(transaction=False) as pipeline:
        for job_id in ids:
            pipeline.publish(CHANGES, job_id.bytes)
        await pipeline.execute()
    highest_mib = waiting.highest_mib
    while not (answers.done() and posts.done()):
        highest_mib = max(highest_mib, _rss_mib(stage.api))
        await asyncio.sleep(0.05)
    answer, latencies_ms = await asyncio.gather(answers, posts)
    if answer["wrong"]:
        raise ProductError(f"{answer['wrong']:,} callers got something else, such as: {answer['example']}")
    return replace(
        waiting,
        highest_mib=highest_mib,
        first_s=answer["times_s"][0] - ended_at,
        last_s=answer["times_s"][-1] - ended_at,
        woken_post_p99_ms=percentile(latencies_ms, 99),
    )


def _rss_mib(api: Api) -> float:
    return float(psutil.Process(api.child.pid).memory_info().rss / _MIB)


def _section(bench: Bench, many: int, results: dict[str, list[Round]]) -> Section:
    def spread(name: str, field: str) -> Spread:
        return Spread.of([getattr(measured, field) for measured in results[name]])

    idle_mib = spread(_NOBODY, "rss_mib").median
    callers = {_NOBODY: 0, _FEW: many // 10, _ALL: many, _ONE_JOB: many}
    highest = Spread.of([measured.highest_mib for name in (_ALL, _ONE_JOB) for measured in results[name]])
    connections = max(measured.connections for rounds in results.values() for measured in rounds)
    each = {
        name: Spread.of([(measured.rss_mib - idle_mib) * 1024 / count for measured in results[name]])
        for name, count in callers.items()
        if count
    }
    section = Section(
        f"Waiting: {many:,} callers on one API process",
        aims=[
            Aim(
                f"{many:,} waiting callers, and all of them woken: below {_AIM_MIB} MiB",
                f"{highest} MiB",
                highest.high < _AIM_MIB,
            ),
            Aim(
                f"no connection to Postgres for each: no more than the pool's {_POOL_SIZE}",
                str(connections),
                connections <= _POOL_SIZE,
            ),
        ],
    )
    section.parts.append(
        "One API process and no worker. Half of the callers follow their job's events, the other half "
        f"wait for its end (`?wait={_WAIT_S}`), each on a connection of its own; all have got what they "
        "should have in the end, or the case fails. While they wait: memory of the API process, its CPU and "
        "that of the engines while nothing happens, its connections to Postgres, and POSTs one after the "
        "other. Then all jobs end in one transaction and each is announced as a worker does it: the time "
        "from that commit until the first and the last caller has its whole answer, the highest RSS, and "
        "POSTs meanwhile. *KiB each* is what RSS is above that of the process before anybody waited. The "
        "callers, 1 process, and the POSTs share the machine's cores with all of it."
    )
    header = ("", *(f"{name} ({count:,})" if count else name for name, count in callers.items()))
    rows = [
        (words, *("" if name in skipped else str(spread(name, field)) for name in callers))
        for field, (words, skipped) in _ROWS.items()
    ]
    rows.insert(2, ("KiB each", *(str(each[name]) if name in each else "" for name in callers)))
    section.parts.append(Table(header, rows))
    plot = bars(
        bench.plots / "waiters.png",
        title=f"Memory of one API process with {many:,} waiting callers",
        unit="RSS, MiB",
        groups=[f"{callers[name]:,}" for name in (_NOBODY, _FEW, _ALL)],
        series={"RSS": [spread(name, "rss_mib") for name in (_NOBODY, _FEW, _ALL)]},
        aim=_AIM_MIB,
    )
    section.parts.append(Plot(plot, "memory of the API process by the number of callers that wait"))
    return section
