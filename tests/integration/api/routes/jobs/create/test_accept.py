"""POST /v1/jobs: what is accepted is stored, dispatched once, and answered as the contract says."""

import asyncio
from uuid import UUID

import asyncpg
import pytest
from arq.connections import ArqRedis

from fleet.database import Database
from fleet.errors import ErrorType
from fleet.jobs.document.job import JobDocument
from fleet.jobs.job import State
from fleet.queue.arq_adapter import QUEUE
from tests.integration.api.conftest import Api, Serve
from tests.kit.api.calls import REQUEST, claim, enqueue, fail, problem


async def test_a_job_is_stored_dispatched_and_described(
    api: Api, database: Database, redis: ArqRedis, tenant_id: UUID
) -> None:
    answer = await api.client.post("/v1/jobs", json={**REQUEST, "external_id": "mine"})
    assert answer.status_code == 202
    document = answer.json()
    assert set(document) == set(JobDocument.model_fields)
    assert (document["status"], document["attempt"], document["external_id"]) == ("queued", 0, "mine")
    assert answer.headers["location"] == document["links"]["self"] == f"/v1/jobs/{document['id']}"
    assert await redis.zrange(QUEUE, 0, -1) == [f"{document['id']}:1".encode()]
    row = await database.fetchrow("SELECT * FROM jobs")
    assert row is not None
    assert (str(row["id"]), row["tenant_id"]) == (document["id"], tenant_id)
    assert (await api.client.get(answer.headers["location"])).json() == document


async def test_the_same_idempotency_key_gives_the_same_job(api: Api, redis: ArqRedis) -> None:
    answers = await asyncio.gather(*(enqueue(api.client, **{"Idempotency-Key": "k"}) for _ in range(20)))
    assert len({answer["id"] for answer in answers}) == 1
    assert await redis.zcard(QUEUE) == 1


async def test_an_idempotency_key_is_bound_to_its_request(api: Api) -> None:
    await enqueue(api.client, **{"Idempotency-Key": "k"})
    other = {"html": "<p>other</p>"}
    answer = await api.client.post("/v1/jobs", json=other, headers={"Idempotency-Key": "k"})
    problem(answer, 422, ErrorType.IDEMPOTENCY_CONFLICT)


@pytest.mark.parametrize("request_", [REQUEST, {**REQUEST, "cache_ttl_s": 60}])
async def test_an_idempotency_key_is_looked_up_once_a_call(
    serve: Serve, monkeypatch: pytest.MonkeyPatch, request_: dict[str, object]
) -> None:
    looked_up: list[str] = []
    fetchrow = Database.fetchrow

    async def observed(self: Database, sql: str, *arguments: object) -> asyncpg.Record | None:
        if "WHERE tenant_id = $1 AND idempotency_key = $2" in sql:
            looked_up.append(str(arguments[1]))
        return await fetchrow(self, sql, *arguments)

    async with serve(TENANT_MAX_QUEUED=1) as api:
        monkeypatch.setattr(Database, "fetchrow", observed)
        statuses = [
            (await api.client.post("/v1/jobs", json=request_, headers={"Idempotency-Key": key})).status_code
            for key in ("new", "new", "beyond-the-quota")
        ]
    assert statuses == [202, 202, 429]
    assert looked_up == ["new", "new", "beyond-the-quota"]


async def test_an_idempotency_key_of_a_finished_job_answers_200(api: Api, database: Database) -> None:
    first = await enqueue(api.client, **{"Idempotency-Key": "k"})
    await fail(database, first["id"])
    answer = await api.client.post("/v1/jobs", json=REQUEST, headers={"Idempotency-Key": "k"})
    assert (answer.status_code, answer.json()["status"]) == (200, "failed")


async def test_an_unusable_idempotency_key_is_refused(api: Api) -> None:
    for key in ["", "two words", "x" * 256, "tab\tulator"]:
        answer = await api.client.post("/v1/jobs", json=REQUEST, headers={"Idempotency-Key": key})
        document = problem(answer, 422, ErrorType.INVALID_REQUEST)
        assert document["errors"][0]["field"] == "Idempotency-Key"


async def test_a_job_is_accepted_while_redis_is_away(
    serve: Serve, database: Database, dead_port: int
) -> None:
    async with serve(REDIS_URL=f"redis://127.0.0.1:{dead_port}/0") as api:
        document = await enqueue(api.client)
        row = await database.fetchrow("SELECT id, dispatched_at FROM jobs")
        assert row is not None
        assert (str(row["id"]), row["dispatched_at"]) == (document["id"], None)
        ready = await api.client.get("/readyz")
        assert (ready.status_code, ready.json()["status"]) == (200, "degraded")
        assert ready.json()["dependencies"]["redis"]["status"] == "down"


async def test_a_job_is_refused_while_postgres_is_away(serve: Serve, dead_port: int) -> None:
    async with serve(DATABASE_URL=f"postgresql://nobody@127.0.0.1:{dead_port}/none") as api:
        answer = await api.client.post("/v1/jobs", json=REQUEST)
        problem(answer, 503, ErrorType.DATABASE_UNAVAILABLE)
        assert int(answer.headers["retry-after"]) > 0
        ready = await api.client.get("/readyz")
        assert (ready.status_code, ready.json()["status"]) == (503, "unavailable")
        assert (await api.client.get("/metrics")).status_code == 200


async def test_the_document_shows_what_became_of_the_job(api: Api, database: Database) -> None:
    document = await enqueue(api.client)
    await claim(database, document["id"])
    running = (await api.client.get(document["links"]["self"])).json()
    assert (running["status"], running["attempt"]) == (State.RUNNING, 1)
    assert running["started_at"].endswith("Z")
    failed = await enqueue(api.client)
    await fail(database, failed["id"])
    shown = (await api.client.get(failed["links"]["self"])).json()
    assert shown["error"] == {
        "type": "tls_error",
        "title": "The target's certificate or TLS handshake failed",
        "detail": "certificate expired",
        "retryable": False,
    }
    assert shown["links"]["artifact"] is None
