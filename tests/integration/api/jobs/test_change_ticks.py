"""Open pages are told of new jobs, though nobody announces them."""

import asyncio

from starlette.types import Message

from api.jobs.change_ticks import ChangeTicks
from fleet.queue import arq_adapter
from tests.integration.api.conftest import Api
from tests.kit.api.calls import enqueue
from tests.kit.patience import PATIENCE_S

NEVER = 10**9


async def connected() -> Message:
    """What the server hears of a page that stays open."""
    await asyncio.Event().wait()
    raise AssertionError("it never comes so far")


async def test_a_new_job_is_told_to_open_pages(api: Api) -> None:
    parts = api.dependencies
    ticks = ChangeTicks(parts.waiters, parts.redis, limit=10, quiet_ticks=NEVER)
    with ticks.follow("key") as follower:
        told = asyncio.create_task(follower.wait(timeout_s=NEVER, receive=connected))
        async with asyncio.timeout(PATIENCE_S):
            while not told.done():  # the first one may come before the line is looked at
                await enqueue(api.client)
                await asyncio.wait([told], timeout=0.2)
    assert parts.waiters.announced == 0
    ticks.close()


async def test_while_redis_is_away_pages_are_told_now_and_then(api: Api, dead_port: int) -> None:
    away = arq_adapter.connect(f"redis://127.0.0.1:{dead_port}/0", timeout_s=0.1)
    ticks = ChangeTicks(api.dependencies.waiters, away, limit=10, quiet_ticks=1)
    with ticks.follow("key") as follower:
        async with asyncio.timeout(PATIENCE_S):
            for _ in range(2):
                assert await follower.wait(timeout_s=NEVER, receive=connected)
    ticks.close()
    await away.aclose(close_connection_pool=True)
