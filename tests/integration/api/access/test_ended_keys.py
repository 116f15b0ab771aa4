"""Calls that are open when their API key stops working: event streams, waits, loads of links."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from arq.connections import ArqRedis

from fleet.artifacts.store import Artifacts
from fleet.database import Database
from fleet.errors import ErrorType
from fleet.queue.announcements import announce_change
from fleet.tenants.tenant import Scope
from tests.integration.api.conftest import Api, Serve
from tests.kit.api.calls import REQUEST, enqueue, problem, succeed, until
from tests.kit.api.follow import Follower, follow
from tests.kit.api.links import Signer, made_key, visitor

# Far more than the second in which an open call ends: with it the calls themselves would go on.
CACHE_S = 300
ENDS_WITHIN_S = 5.0


class OpenCalls:
    """One call of each kind that waits, with one key at one API process."""

    def __init__(self, stream: Follower, waits: list["asyncio.Task[httpx.Response]"]) -> None:
        self.stream = stream
        self.waits = waits

    async def end_without_a_word(self) -> None:
        """Each is refused, or ends, and nobody learns of the job's end."""
        async with asyncio.timeout(ENDS_WITHIN_S):
            answers = await asyncio.gather(*self.waits)
            assert await self.stream.next() is None
        for answer in answers[:-1]:
            problem(answer, 401, ErrorType.UNAUTHORIZED)
        problem(answers[-1], 401, ErrorType.LINK_NOT_SIGNED)


@asynccontextmanager
async def open_calls(api: Api, signer: Signer) -> AsyncIterator[OpenCalls]:
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(visitor(api))
        client.headers["Authorization"] = f"Bearer {signer.api_key}"
        job = await enqueue(client)
        stream = await stack.enter_async_context(follow(client, job))
        first = await stream.next()
        assert first is not None
        calls = (
            client.get(f"{job['links']['self']}?wait=60"),
            client.post("/v1/jobs", json=REQUEST, headers={"Prefer": "wait=60"}),
            client.get(signer.link(url=f"https://example.com/{api.port}")),
        )
        waits = [asyncio.create_task(call) for call in calls]
        await until(lambda: api.dependencies.waiters.count == 1 + len(waits))
        yield OpenCalls(stream, waits)


async def revoke(here: Api, _database: Database, signer: Signer) -> None:
    assert (await here.client.delete(f"/v1/admin/keys/{signer.key_id}")).status_code == 200


async def expire(_here: Api, database: Database, signer: Signer) -> None:
    await database.execute("UPDATE api_keys SET expires_at = now() WHERE id = $1", signer.key_id)


@pytest.mark.parametrize("end", [revoke, expire])
async def test_open_calls_of_a_key_that_ends_are_ended_at_every_process(
    serve: Serve, database: Database, end: Callable[[Api, Database, Signer], Awaitable[None]]
) -> None:
    settings = {"API_KEY_CACHE_S": CACHE_S, "LINK_WAIT_S": 60}
    signer, other = await made_key(database, *Scope), await made_key(database, *Scope)
    async with serve(**settings) as here, serve(**settings) as there:
        async with open_calls(here, signer) as at_here, open_calls(there, signer) as at_there:
            untouched = asyncio.create_task(
                there.client.post(
                    "/v1/jobs",
                    json=REQUEST,
                    headers={"Prefer": "wait=60", "Authorization": f"Bearer {other.api_key}"},
                )
            )
            await end(here, database, signer)
            await asyncio.gather(at_here.end_without_a_word(), at_there.end_without_a_word())
        assert (here.dependencies.waiters.count, there.dependencies.waiters.count) == (0, 1)
        assert not untouched.done()
        untouched.cancel()
        await asyncio.wait([untouched])


async def test_the_end_of_a_job_is_told_to_no_key_that_ended_while_postgres_was_away(
    serve: Serve,
    database: Database,
    redis: ArqRedis,
    artifacts: Artifacts,
    tmp_path: Path,
) -> None:
    """The first look after an outage is at the keys, whatever Redis announces meanwhile."""
    signer = await made_key(database, *Scope)
    async with serve(API_KEY_CACHE_S=CACHE_S) as api, visitor(api) as client:
        client.headers["Authorization"] = f"Bearer {signer.api_key}"
        job = await enqueue(client)
        async with follow(client, job) as stream:
            assert await stream.next() is not None
            api.dependencies.waiters.places._keys_checked_at = 0.0  # noqa: SLF001 - as after a long outage
            await expire(api, database, signer)
            await succeed(database, artifacts, tmp_path, job["id"])
            await announce_change(redis, UUID(job["id"]))
            assert await stream.next() is None
