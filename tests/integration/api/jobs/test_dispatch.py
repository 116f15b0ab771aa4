"""Jobs of calls that come at the same time go to Redis together; if it is silent, a sweep sends them."""

import asyncio
from uuid import UUID, uuid4

from arq.connections import ArqRedis

from api.jobs.dispatch import Handover
from fleet.database import Database
from fleet.jobs.create.accept import accept
from fleet.queue import arq_adapter
from fleet.render.request import RenderRequest
from tests.kit.data.plain_job import ACCEPTED_AT, plain_job
from tests.kit.data.vaults import VAULT


async def scripts_run(redis: ArqRedis) -> int:
    """How many scripts Redis has run."""
    statistics = await redis.info("commandstats")
    return sum(statistics.get(f"cmdstat_{name}", {"calls": 0})["calls"] for name in ("evalsha", "eval"))


async def test_calls_at_the_same_time_are_one_command(database: Database, redis: ArqRedis) -> None:
    handover = Handover(database, redis, timeout_s=60)
    await handover.hand_over([plain_job(id=uuid4(), dispatched_at=ACCEPTED_AT)], weight=1.0)
    before = await scripts_run(redis)
    jobs = [plain_job(id=uuid4(), tenant_id=uuid4(), dispatched_at=ACCEPTED_AT) for _ in range(20)]
    await asyncio.gather(*(handover.hand_over([job], weight=1.0) for job in jobs))
    # Two at once, because the first call of all took long, and then all others.
    assert await scripts_run(redis) - before <= 3
    assert await redis.zcard(arq_adapter.QUEUE) == 21


async def test_if_redis_is_silent_one_command_is_waited_for_and_the_sweeper_sends_all(
    database: Database, tenant_id: UUID
) -> None:
    connections: list[asyncio.StreamWriter] = []
    silent = await asyncio.start_server(lambda _, writer: connections.append(writer), "127.0.0.1")
    port = silent.sockets[0].getsockname()[1]
    redis = arq_adapter.connect(f"redis://127.0.0.1:{port}", timeout_s=60)
    handover = Handover(database, redis, timeout_s=0.0)
    request = RenderRequest(html="<p>hello</p>")
    jobs = [(await accept(database, VAULT, tenant_id=tenant_id, request=request)).job for _ in range(5)]
    await asyncio.gather(*(handover.hand_over([job], weight=1.0) for job in jobs))
    assert len(connections) == 1
    assert await database.fetchval("SELECT count(*) FROM jobs WHERE dispatched_at IS NULL") == 5
    await redis.aclose(close_connection_pool=True)
    for connection in connections:
        connection.close()
    silent.close()
