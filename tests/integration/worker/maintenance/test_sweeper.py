"""What Redis or a worker lost is found by looking, without any worker that could help by chance."""

import asyncio
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from arq.connections import ArqRedis

from deploy.embedded.engines.engines import Engines
from fleet.database import Database, DatabaseSettings
from fleet.jobs.attempts import claim
from fleet.jobs.create import accept
from fleet.jobs.job import Job
from fleet.queue.arq_adapter import QUEUE
from fleet.queue.entry import QueueEntry
from fleet.render.request import RenderRequest
from tests.kit.data.vaults import VAULT
from tests.kit.patience import PATIENCE_S
from tests.kit.servers.tcp_forwarder import forwarded
from worker.maintenance.sweeper import Sweeper

REQUEST = RenderRequest(html="<p>x</p>")


@pytest.fixture
def sweep(database: Database, redis: ArqRedis) -> Sweeper:
    return Sweeper(database, redis, lease=timedelta(0), interval=timedelta(seconds=5))


async def accepted(database: Database, tenant_id: UUID, count: int = 1) -> list[Job]:
    return [
        (await accept.accept(database, VAULT, tenant_id=tenant_id, request=REQUEST)).job for _ in range(count)
    ]


async def grow_old(database: Database) -> None:
    """As if everything had happened a minute ago."""
    await database.execute(
        "UPDATE jobs SET queued_at = queued_at - interval '1 minute', "
        "dispatched_at = dispatched_at - interval '1 minute'"
    )


async def in_redis(redis: ArqRedis) -> set[str]:
    return {member.decode() for member in await redis.zrange(QUEUE, 0, -1)}


def ids(queued: list[Job]) -> set[str]:
    return {QueueEntry(job.id, job.dispatch).id for job in queued}


async def test_a_job_whose_api_died_before_it_rang_is_sent(
    sweep: Sweeper, database: Database, redis: ArqRedis, tenant_id: UUID
) -> None:
    queued = await accepted(database, tenant_id)
    await database.execute("UPDATE jobs SET dispatched_at = dispatched_at - interval '3 seconds'")
    await sweep.sweep()
    assert await in_redis(redis) == ids(queued)


async def test_a_job_that_is_on_its_way_is_left_alone(
    sweep: Sweeper, database: Database, redis: ArqRedis, tenant_id: UUID
) -> None:
    await accepted(database, tenant_id)
    await sweep.sweep()
    assert await in_redis(redis) == set()


async def test_a_flush_is_repaired_in_one_sweep_however_long_the_line(
    database: Database, redis: ArqRedis, tenant_id: UUID
) -> None:
    sweep = Sweeper(
        database, redis, lease=timedelta(0), interval=timedelta(seconds=5), checked_at_once=3, page=7
    )
    queued = await accepted(database, tenant_id, 40)
    await grow_old(database)
    await sweep.sweep()
    assert await in_redis(redis) == ids(queued)


async def test_an_expired_lease_is_queued_and_sent_again(
    sweep: Sweeper, database: Database, redis: ArqRedis, tenant_id: UUID
) -> None:
    [job] = await accepted(database, tenant_id)
    await claim.claim(database, QueueEntry(job.id, 1), worker_id=uuid4(), lease=timedelta(0))
    await sweep.sweep()
    assert await in_redis(redis) == {f"{job.id}:2"}


async def test_a_sweep_without_redis_or_postgres_is_only_put_off(
    engines: Engines, sweep: Sweeper, database: Database, redis: ArqRedis, tenant_id: UUID
) -> None:
    queued = await accepted(database, tenant_id)
    await grow_old(database)
    engines.redis.kill()
    await sweep.sweep()
    engines.redis.start()
    await sweep.sweep()
    assert await in_redis(redis) == ids(queued)


async def test_after_an_outage_of_the_network_the_sweeper_is_patient_for_a_lease(
    database_url: str, database: Database, redis: ArqRedis, tenant_id: UUID
) -> None:
    """Living workers could not renew either, and the server itself did not restart."""
    [job] = await accepted(database, tenant_id)
    await claim.claim(database, QueueEntry(job.id, 1), worker_id=uuid4(), lease=timedelta(0))
    lease = timedelta(seconds=1)
    async with asyncio.timeout(PATIENCE_S):
        while await database.fetchval("SELECT now() - pg_postmaster_start_time()") <= lease:  # noqa: ASYNC110 - a clock tells nobody
            await asyncio.sleep(0.01)  # else the server's own youth would explain the patience
    async with forwarded(database_url) as (cable, url):
        through = await Database.open(DatabaseSettings(database_url=url), application="tests")
        patient = Sweeper(through, redis, lease=lease, interval=timedelta(seconds=5))
        await cable.cut()
        await patient.sweep()
        await cable.resume()
        await patient.sweep()
        assert await state_of_the_only(database) == "running"
        async with asyncio.timeout(PATIENCE_S):
            while await state_of_the_only(database) == "running":
                await patient.sweep()
        assert await state_of_the_only(database) == "queued"
        through.terminate()


async def state_of_the_only(database: Database) -> str:
    return str(await database.fetchval("SELECT state FROM jobs"))
