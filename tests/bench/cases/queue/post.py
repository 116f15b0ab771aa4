"""(b) The latency of a single POST, and how many POSTs a second one API process accepts."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import asyncpg
from arq.connections import ArqRedis

from deploy.embedded.engines.ports import LOOPBACK
from fleet.queue import arq_adapter
from tests.bench.cases.case import Bench
from tests.bench.clients.product import Api, Product, ProductError
from tests.bench.clients.responder import Responder, responder
from tests.bench.report.measure import Spread, cpu_s, figure, interleave, percentile
from tests.bench.report.plots import bars
from tests.bench.report.report import Aim, Plot, Section, Table

# The jobs are never rendered, because there is no worker.
DOCUMENT: Final = {
    "url": "https://example.com/a/page?of=an+ordinary+length",
    "format": "png",
    "external_id": "bench",
}

_ALONE: Final = 1
_CONNECTIONS: Final = (_ALONE, 4, 16, 64)
_JUDGED: Final = 16
_AIM_ALONE_MS: Final = 5.0
_AIM_JOBS_PER_S: Final = 1000.0


@dataclass(frozen=True, slots=True)
class Round:
    """Results of one block of POSTs with one number of connections."""

    jobs_per_s: float
    p50_ms: float
    p99_ms: float
    api_ms: float
    engines_ms: float
    client_ms: float


async def run(bench: Bench) -> Section:
    """Measure, and make the section."""
    with Product.start(bench.folder, log_level="info") as engines:
        product = await engines.migrated()
        with product.api() as api:
            await product.api_ready(api)
            environment = product.variables
            log = bench.folder / "load.log"
            async with responder("tests.bench.clients.load", environment=environment, log=log) as load:
                rounds = await _measure(bench, product, api, load)
    return _section(bench, rounds)


async def _measure(bench: Bench, product: Product, api: Api, load: Responder) -> dict[int, list[Round]]:
    connection = await asyncpg.connect(product.database_url)
    redis = arq_adapter.connect(product.redis_url, timeout_s=5)
    seconds = 1.0 if bench.is_quick else 4.0

    def block(connections: int) -> Callable[[], Awaitable[Round]]:
        async def post() -> Round:
            await connection.execute("TRUNCATE jobs CASCADE")
            await redis.flushdb()
            answer = await _block(product, api, load, connections, seconds)
            await _verify(connection, redis, answer[1])
            return answer[0]

        return post

    try:
        await _block(product, api, load, _JUDGED, 1.0)  # the first calls open connections and fill caches
        rounds = bench.pick(5, 1)
        contenders = {f"{count} connections": block(count) for count in _CONNECTIONS}
        results = await interleave(contenders, rounds=rounds, tell=bench.teller("POST", rounds))
    finally:
        await connection.close()
        await redis.aclose(close_connection_pool=True)
    return dict(zip(_CONNECTIONS, results.values(), strict=True))


async def _block(
    product: Product, api: Api, load: Responder, connections: int, seconds: float
) -> tuple[Round, int]:
    engine_pids = product.engine_pids.values()
    api_before, engines_before = cpu_s(api.child.pid), cpu_s(*engine_pids)
    answer = await load.ask(
        host=LOOPBACK,
        port=api.port,
        request=api.request("POST", "/v1/jobs", document=DOCUMENT).decode(),
        connections=connections,
        seconds=seconds,
    )
    api_s, engines_s = cpu_s(api.child.pid) - api_before, cpu_s(*engine_pids) - engines_before
    latencies_ms = answer["latencies_ms"]
    count = len(latencies_ms)
    if answer["statuses"] != {str(HTTPStatus.ACCEPTED.value): count}:
        raise ProductError(f"Not every POST was answered with 202: {answer['statuses']}")
    measured = Round(
        jobs_per_s=count / answer["elapsed_s"],
        p50_ms=percentile(latencies_ms, 50),
        p99_ms=percentile(latencies_ms, 99),
        api_ms=api_s / count * 1000,
        engines_ms=engines_s / count * 1000,
        client_ms=answer["cpu_s"] / count * 1000,
    )
    return measured, count


async def _verify(connection: "asyncpg.Connection[asyncpg.Record]", redis: ArqRedis, accepted: int) -> None:
    """Check that each accepted job has a row in Postgres and an id in Redis."""
    rows = await connection.fetchval("SELECT count(*) FROM jobs WHERE state = 'queued'")
    ids = await redis.zcard(arq_adapter.QUEUE)
    if not rows == ids == accepted:
        raise ProductError(f"{accepted} jobs were accepted, but Postgres has {rows} and Redis {ids}.")


def _section(bench: Bench, rounds: dict[int, list[Round]]) -> Section:
    def spread(connections: int, name: str) -> Spread:
        return Spread.of([getattr(measured, name) for measured in rounds[connections]])

    alone, judged = spread(_ALONE, "p50_ms"), spread(_JUDGED, "jobs_per_s")
    section = Section(
        "POST: latency and throughput of one API process",
        aims=[
            Aim(
                f"POST alone: p50 at most {_AIM_ALONE_MS:g} ms", f"{alone} ms", alone.median <= _AIM_ALONE_MS
            ),
            Aim(
                f"one API process accepts at least {_AIM_JOBS_PER_S:g} jobs/s",
                f"{judged} jobs/s ({_JUDGED} connections)",
                judged.median >= _AIM_JOBS_PER_S,
            ),
        ],
    )
    section.parts.append(
        "Real jobs of one address and two options, no worker, an empty queue before each block. A client "
        "process of its own keeps N connections open and sends on each as soon as it is answered. After "
        "each block the rows in Postgres and the ids in Redis are counted: both equal the number of 202s. "
        "CPU is for each POST; API, Postgres, Redis and the client share the machine's cores, so the "
        "client's CPU is shown too."
    )
    header = (
        "connections",
        "jobs/s",
        "p50 ms",
        "p99 ms",
        "API CPU ms",
        "Postgres + Redis CPU ms",
        "client CPU ms",
    )
    names = ("jobs_per_s", "p50_ms", "p99_ms", "api_ms", "engines_ms", "client_ms")
    rows = [(str(count), *(str(spread(count, name)) for name in names)) for count in _CONNECTIONS]
    section.parts.append(Table(header, rows))
    plot = bars(
        bench.plots / "post.png",
        title="Accepted jobs a second on one API process",
        unit="jobs/s",
        groups=[f"{count} connection{'s' if count > 1 else ''}" for count in _CONNECTIONS],
        series={"jobs/s": [spread(count, "jobs_per_s") for count in _CONNECTIONS]},
        aim=_AIM_JOBS_PER_S,
    )
    section.parts.append(
        Plot(plot, f"accepted jobs a second; {figure(judged.median)} at {_JUDGED} connections")
    )
    return section
