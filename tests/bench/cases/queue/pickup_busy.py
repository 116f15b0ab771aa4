"""(c, busy) How long a job waits for a free slot of a worker in which 200 other jobs run."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any, Final
from uuid import UUID, uuid4

from arq.connections import ArqRedis

from fleet.database import Database, DatabaseSettings
from fleet.jobs.attempts import attempt as attempts
from fleet.jobs.attempts import claim
from fleet.jobs.attempts.attempt import AttemptOutcome
from fleet.jobs.attempts.claim import JobAttempt
from fleet.jobs.create import accept
from fleet.jobs.job import State, queued_job
from fleet.queue import arq_adapter, dispatch
from fleet.queue.arq_adapter import CarrierWorker
from fleet.queue.entry import QueueEntry
from fleet.render.request import RenderRequest
from tests.bench.cases.case import Bench
from tests.bench.clients.product import Product
from tests.bench.report.measure import figure, percentile
from tests.bench.report.plots import distribution
from tests.bench.report.report import Aim, Plot, Section, Table
from tests.kit.data.vaults import VAULT

_RUNNING: Final = 200
# There are a few free slots, as in a fleet that is not full.
_FREE: Final = 4
_AIM_P99_MS: Final = 50.0
_LEASE: Final = timedelta(seconds=15)
_HEARTBEAT_S: Final = 4.0
_PAUSE_S: Final = (0.02, 0.08)
_REQUEST: Final = RenderRequest(html="<p>x</p>")
_DONE: Final = AttemptOutcome(State.CANCELLED)

_PICKUPS: Final = """
    SELECT extract(epoch FROM a.started_at - j.queued_at)::float8 * 1000 AS pickup_ms
    FROM jobs j JOIN attempts a ON a.job_id = j.id AND a.attempt = 1 WHERE j.id = ANY($1::uuid[])
"""


class Waiter:
    """Attempts that render nothing: they claim jobs, renew their leases, and wait until they are ended."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._worker_id = uuid4()
        self._held: dict[UUID, JobAttempt] = {}
        self._changed = asyncio.Condition()

    async def run(self, ctx: dict[str, Any]) -> None:
        """What arq calls."""
        entry = QueueEntry.parse(ctx["job_id"])
        attempt = await claim.claim(self._database, entry, worker_id=self._worker_id, lease=_LEASE)
        if attempt is None:
            return
        async with self._changed:
            self._held[attempt.job_id] = attempt
            self._changed.notify_all()
            await self._changed.wait_for(lambda: attempt.job_id not in self._held)

    async def holds(self, job_ids: set[UUID]) -> None:
        """Wait until all of these jobs run."""
        async with self._changed:
            await self._changed.wait_for(lambda: job_ids <= self._held.keys())

    async def end(self, job_ids: set[UUID]) -> None:
        """End these."""
        for job_id in job_ids:
            async with self._changed:
                attempt = self._held.pop(job_id)
                self._changed.notify_all()
            await attempts.finish(self._database, attempt, _DONE)

    async def renew(self) -> None:
        """The heartbeat, until cancelled."""
        while True:
            held = [(attempt.job_id, attempt.attempt) for attempt in self._held.values()]
            await attempts.renew(self._database, held, lease=_LEASE)
            await asyncio.sleep(_HEARTBEAT_S)


async def run(bench: Bench) -> Section:
    """Measure, and make the section."""
    count = bench.pick(300, 20)
    with Product.start(bench.folder) as engines:
        product = await engines.migrated()
        settings = DatabaseSettings(database_url=product.database_url)
        database = await Database.open(settings, application="bench")
        redis = arq_adapter.connect(product.redis_url, timeout_s=2)
        waiter = Waiter(database)
        async with _working(waiter, product.redis_url):
            tenant_id = await database.fetchval("SELECT id FROM tenants")
            running = {await _send(database, redis, tenant_id) for _ in range(_RUNNING)}
            await waiter.holds(running)
            bench.say(f"{_RUNNING} jobs run")
            probes = []
            for _ in range(count):
                await asyncio.sleep(random.uniform(*_PAUSE_S))  # noqa: S311 - spreads the jobs in time
                probes.append(await _send(database, redis, tenant_id))
                await waiter.holds({probes[-1]})
                await waiter.end({probes[-1]})
            rows = await database.fetch(_PICKUPS, probes)
            still = await database.fetchval("SELECT count(*) FROM jobs WHERE state = 'running'")
            await waiter.end(running)
        await redis.aclose(close_connection_pool=True)
        await database.close()
    return _section(bench, [row["pickup_ms"] for row in rows], still)


async def _send(database: Database, redis: ArqRedis, tenant_id: UUID) -> UUID:
    job = (await accept.accept(database, VAULT, tenant_id=tenant_id, request=_REQUEST)).job
    queued = queued_job(job, weight=1)
    await dispatch.dispatch(redis, [queued] if queued else [])
    return job.id


@asynccontextmanager
async def _working(waiter: Waiter, redis_url: str) -> AsyncIterator[None]:
    """Run a worker with 204 slots in this process."""

    async def nothing(_ctx: dict[Any, Any]) -> None:
        """Nothing is to do at start and stop."""

    worker = CarrierWorker(
        waiter.run,
        redis=arq_adapter.connect(redis_url, timeout_s=2),
        max_jobs=_RUNNING + _FREE,
        shutdown_grace_s=5,
        on_startup=nothing,
        on_shutdown=nothing,
    )
    task = asyncio.create_task(worker.async_run())
    heartbeat = asyncio.create_task(waiter.renew())
    try:
        yield
    finally:
        heartbeat.cancel()
        worker.drain()
        with suppress(asyncio.CancelledError):
            await task
        await worker.close()


def _section(bench: Bench, pickups_ms: list[float], still: int) -> Section:
    p99 = percentile(pickups_ms, 99)
    name = f"pickup p99 behind {_RUNNING} running jobs at most {_AIM_P99_MS:g} ms"
    section = Section(
        f"Pickup behind {_RUNNING} running jobs",
        aims=[Aim(name, f"{figure(p99)} ms", p99 <= _AIM_P99_MS and still == _RUNNING)],
    )
    section.parts.append(
        f"One worker with {_RUNNING + _FREE} slots whose attempts claim, are renewed each {_HEARTBEAT_S:g} s "
        f"and wait instead of rendering. {_RUNNING} of them run all along; {len(pickups_ms)} more jobs come "
        "one after the other. *Pickup* as above: from the INSERT to the claim, by the database's clock. "
        "Callers and worker share one process here. Stock arq reads all running jobs' ids at each look."
    )
    cells = [figure(percentile(pickups_ms, percent)) for percent in (50, 90, 99, 100)]
    section.parts.append(Table(("ms", "p50", "p90", "p99", "max"), [("pickup", *cells)]))
    plot = distribution(
        bench.plots / "pickup_busy.png",
        title=f"Pickup behind {_RUNNING} running jobs",
        unit="ms",
        series={"pickup": pickups_ms},
    )
    section.parts.append(Plot(plot, "distribution of pickup times behind running jobs"))
    return section
