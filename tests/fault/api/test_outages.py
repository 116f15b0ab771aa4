"""The API as a process of its own, while what it stands on is away."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from tests.kit.faults.full_database import full_database
from tests.kit.patience import PATIENCE_S
from tests.kit.processes import api
from tests.kit.stages.stage import Stage

HTML = {"html": "<p>x</p>"}


@pytest.fixture
async def client(stage: Stage, tenant_key: str) -> AsyncIterator[httpx.AsyncClient]:
    async with api(stage.environment(), stage.folder / "api.log", tenant_key) as opened:
        yield opened


async def ended(client: httpx.AsyncClient, path: str) -> dict[str, object]:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            document: dict[str, object] = (await client.get(path, params={"wait": 10})).json()
            if document["status"] not in ("queued", "running"):
                return document


async def test_jobs_posted_while_redis_is_away_are_accepted_and_complete(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    stage.engines.redis.kill()
    answers = [await client.post("/v1/jobs", json=HTML) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [202] * 3
    assert (await client.get("/readyz")).status_code == 200
    await asyncio.to_thread(stage.engines.redis.start)
    async with stage.worker():
        documents = [await ended(client, answer.headers["location"]) for answer in answers]
    assert [document["status"] for document in documents] == ["succeeded"] * 3


async def test_a_post_without_postgres_is_refused_and_leaves_no_row(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    stage.engines.postgres.kill()
    refused = await client.post("/v1/jobs", json=HTML)
    not_ready = await client.get("/readyz")
    await asyncio.to_thread(stage.engines.postgres.start)
    assert refused.status_code == 503
    assert refused.json()["type"] == "database_unavailable"
    assert int(refused.headers["retry-after"]) > 0
    assert not_ready.status_code == 503
    accepted = await client.post("/v1/jobs", json=HTML)
    assert accepted.status_code == 202
    listed = (await client.get("/v1/jobs")).json()["jobs"]
    assert [job["id"] for job in listed] == [accepted.json()["id"]]


async def test_a_post_while_postgres_disk_is_full_is_refused_and_may_be_tried_again(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    async with full_database(stage.database, "INSERT ON jobs"):
        refused = await client.post("/v1/jobs", json=HTML)
    assert (refused.status_code, refused.json()["type"]) == (503, "database_unavailable")
    assert "disk space" in refused.json()["detail"]
    assert int(refused.headers["retry-after"]) > 0
    assert (await client.post("/v1/jobs", json=HTML)).status_code == 202


async def test_a_waiting_caller_gets_the_picture_of_a_real_render(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    async with stage.worker():
        answer = await client.post("/v1/jobs", json=HTML, headers={"Prefer": "wait=30"})
    assert answer.status_code == 200
    artifact = await client.get(answer.json()["links"]["artifact"], params={"proxy": "true"})
    assert artifact.content.startswith(b"\x89PNG\r\n\x1a\n")
    assert len(artifact.content) == answer.json()["artifact"]["size_bytes"]
