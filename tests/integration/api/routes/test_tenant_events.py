"""Following all jobs of a tenant."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from api.jobs.tenant_feed import MOST_CHANGES
from fleet.database import Database
from fleet.errors import ErrorType
from fleet.tenants.api_keys import create_key
from fleet.tenants.tenant import Scope
from tests.integration.api.conftest import Api, Serve
from tests.kit.api.calls import claim, enqueue, fail, problem
from tests.kit.api.follow import Event, Follower
from tests.kit.servers.tcp_forwarder import forwarded

MANY = """
    INSERT INTO jobs (id, tenant_id, request, request_digest, max_attempts)
    SELECT gen_random_uuid(), (SELECT id FROM tenants LIMIT 1), '{}', '\\x00', 3 FROM generate_series(1, $1)
"""


@asynccontextmanager
async def follow_all(client: httpx.AsyncClient, **headers: str) -> AsyncIterator[Follower]:
    """Open the stream; what changes from now on is told."""
    named = {name.replace("_", "-"): text for name, text in headers.items()}
    async with client.stream("GET", "/v1/events", headers=named) as answer:
        assert answer.status_code == 200, await answer.aread()
        assert answer.headers["content-type"].startswith("text/event-stream")
        yield Follower(answer)


async def told(stream: Follower) -> Event:
    event = await stream.next()
    assert event is not None
    return event


async def stranger(database: Database) -> dict[str, str]:
    async with database.connection() as connection:
        key = await create_key(
            connection, tenant_name="other", key_name="x", scopes=frozenset({Scope.RENDER})
        )
    return {"Authorization": f"Bearer {key}"}


async def test_each_change_of_own_jobs_is_told_and_nothing_of_others(api: Api, database: Database) -> None:
    other = await stranger(database)
    before = await enqueue(api.client)
    async with follow_all(api.client) as stream, follow_all(api.client, **other) as others:
        await fail(database, before["id"])
        ended = await told(stream)
        assert (ended.name, ended.document["id"]) == ("failed", before["id"])
        job = await enqueue(api.client, {"html": "x", "external_id": "mine"})
        queued = await told(stream)
        assert queued.document.pop("at")
        assert queued.document == {
            "id": job["id"],
            "status": "queued",
            "attempt": 0,
            "external_id": "mine",
        }
        await claim(database, job["id"])
        running = await told(stream)
        assert (running.name, running.document["attempt"]) == ("running", 1)
        assert int(ended.id) < int(queued.id) < int(running.id)
        theirs = await api.client.post("/v1/jobs", json={"html": "x"}, headers=other)
        assert (await told(others)).document["id"] == theirs.json()["id"], "the first that they are told"


async def test_whoever_comes_back_is_told_what_has_changed_since(api: Api, database: Database) -> None:
    async with follow_all(api.client) as stream:
        first = await enqueue(api.client)
        seen = await told(stream)
    await fail(database, first["id"])
    second = await enqueue(api.client)
    async with follow_all(api.client, Last_Event_ID=seen.id) as stream:
        changes = [await told(stream), await told(stream)]
        assert [(one.name, one.document["id"]) for one in changes] == [
            ("failed", first["id"]),
            ("queued", second["id"]),
        ]
    async with follow_all(api.client) as stream:
        job = await enqueue(api.client)
        before_any = (await told(stream), stream.last_id)[1]
    async with follow_all(api.client, Last_Event_ID=before_any) as stream:
        while (await told(stream)).document["id"] != job["id"]:
            pass
    async with follow_all(api.client, Last_Event_ID="0") as stream:
        assert ((await told(stream)).name) == "missed"
        third = await enqueue(api.client)
        assert (await told(stream)).document["id"] == third["id"]


async def test_more_changes_than_are_told_are_said_to_be_missed(api: Api, database: Database) -> None:
    async with follow_all(api.client) as stream:
        await database.execute(MANY, MOST_CHANGES + 500)
        assert (await told(stream)).name == "missed"
        known = {(await told(stream)).document["id"] for _ in range(MOST_CHANGES)}
        assert len(known) == MOST_CHANGES
        job = await enqueue(api.client)
        # Later looks tell what is new, although they read the many again.
        while job["id"] not in known:
            event = await told(stream)
            known.add(event.document.get("id"))
        await fail(database, job["id"])
        while (await told(stream)).name != "failed":
            pass


async def test_the_stream_goes_on_after_redis_and_postgres_were_away(
    serve: Serve, database: Database, database_url: str, dead_port: int
) -> None:
    async with forwarded(database_url) as (way, url):
        settings = {"REDIS_URL": f"redis://127.0.0.1:{dead_port}", "DATABASE_URL": url}
        async with serve(**settings) as api, follow_all(api.client) as stream:
            job = await enqueue(api.client)
            assert (await told(stream)).document["id"] == job["id"]
            await way.cut()
            await fail(database, job["id"])
            await way.resume()
            assert (await told(stream)).name == "failed"


async def test_the_stream_of_a_revoked_key_ends(serve: Serve, database: Database) -> None:
    other = await stranger(database)
    key_id = other["Authorization"].split("_")[1]
    async with serve(API_KEY_CACHE_S=300) as api, follow_all(api.client, **other) as stream:
        assert (await api.client.delete(f"/v1/admin/keys/{key_id}")).status_code == 200
        assert await stream.next() is None
        problem(await api.client.get("/v1/events", headers=other), 401, ErrorType.UNAUTHORIZED)


async def test_streams_are_bounded(serve: Serve) -> None:
    async with serve(API_MAX_WAITERS=2) as api:
        async with follow_all(api.client), follow_all(api.client):
            answer = await api.client.get("/v1/events")
            problem(answer, 503, ErrorType.TOO_MANY_WAITERS)
        async with follow_all(api.client) as stream:
            job = await enqueue(api.client)
            assert (await told(stream)).document["id"] == job["id"]


@pytest.mark.parametrize("text", ["-1", "1-running", "9" * 400, "1 2"])
async def test_what_is_no_id_is_no_place_to_begin(api: Api, text: str) -> None:
    async with follow_all(api.client, Last_Event_ID=text) as stream:
        job = await enqueue(api.client)
        assert (await told(stream)).document["id"] == job["id"]
