"""The stream by which open pages of the dashboard learn of changes."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

from fleet.database import Database
from fleet.queue.announcements import announce_change
from fleet.tenants.api_keys import revoke
from tests.integration.api.conftest import Api, Serve
from tests.kit.api.dashboard import browser, sign_in
from tests.kit.patience import PATIENCE_S


async def test_the_stream_ends_with_the_session(serve: Serve, database: Database, tenant_key: str) -> None:
    async with serve(API_KEY_CACHE_S=0) as api, browser(api) as client:
        await sign_in(client, tenant_key)
        async with client.stream("GET", "/ui/live") as answer, asyncio.timeout(PATIENCE_S):
            assert answer.headers["content-type"].startswith("text/event-stream")
            lines = answer.aiter_lines()
            assert await anext(lines) == "retry: 2000"
            await announce_change(api.dependencies.redis, uuid4())
            assert await first_of(lines, "data") == "data: changed"
            async with database.connection() as connection:
                await revoke(connection, tenant_key.split("_")[1], spares_last_admin=False)
            await announce_change(api.dependencies.redis, uuid4())
            assert [line async for line in lines if line] == ["data: changed"]
        assert api.dependencies.ticks.count == 0


async def first_of(lines: AsyncIterator[str], beginning: str) -> str:
    async for line in lines:
        if line.startswith(beginning):
            return line
    raise AssertionError(f"no line begins with {beginning}")


async def test_a_stream_too_many_is_refused(serve: Serve, tenant_key: str) -> None:
    async with serve(API_MAX_WAITERS=0) as api, browser(api) as client:
        await sign_in(client, tenant_key)
        answer = await client.get("/ui/live")
        assert (answer.status_code, answer.headers["renderfleet-error"]) == (503, "too_many_waiters")


async def test_the_stream_does_not_hold_up_the_end_of_the_process(api: Api, tenant_key: str) -> None:
    async with browser(api) as client:
        await sign_in(client, tenant_key)
        async with client.stream("GET", "/ui/live") as answer, asyncio.timeout(PATIENCE_S):
            api.dependencies.waiters.release()
            assert [line async for line in answer.aiter_lines() if line] == ["retry: 2000", "data: changed"]
