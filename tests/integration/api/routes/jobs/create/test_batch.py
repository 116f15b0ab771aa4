"""POST /v1/jobs/batch: the good ones together, the bad ones one by one, and the same call once."""

import asyncio
from typing import Any

import httpx
import pytest
from arq.connections import ArqRedis

from fleet.database import Database
from fleet.errors import ErrorType
from fleet.jobs.document.job import JobDocument
from fleet.queue.arq_adapter import QUEUE
from fleet.telemetry.metrics.of_api import JOBS_ACCEPTED
from tests.integration.api.conftest import Api, Serve
from tests.kit.api.calls import REQUEST, fail, problem

GOOD = {**REQUEST, "external_id": "good"}
BAD = {**REQUEST, "priority": 10}
PRIVATE = {"url": "http://127.0.0.1/"}


async def post(client: httpx.AsyncClient, *items: object, key: str | None = None) -> httpx.Response:
    headers = {} if key is None else {"Idempotency-Key": key}
    return await client.post("/v1/jobs/batch", json={"jobs": items}, headers=headers)


def ids(answer: httpx.Response) -> list[str | None]:
    return [item["job"] and item["job"]["id"] for item in answer.json()["jobs"]]


def statuses(answer: httpx.Response) -> list[int]:
    return [item["status"] for item in answer.json()["jobs"]]


async def test_a_hundred_jobs_are_stored_and_dispatched_in_order(
    api: Api, database: Database, redis: ArqRedis
) -> None:
    accepted = JOBS_ACCEPTED._value.get()  # noqa: SLF001 - no public way to read it
    answer = await post(api.client, *({**REQUEST, "external_id": str(number)} for number in range(100)))
    assert answer.status_code == 202
    items = answer.json()["jobs"]
    assert [item["job"]["external_id"] for item in items] == [str(number) for number in range(100)]
    assert {(item["status"], item["error"]) for item in items} == {(202, None)}
    assert set(items[0]["job"]) == set(JobDocument.model_fields)
    line = [member.decode() for member in await redis.zrange(QUEUE, 0, -1)]
    assert line == [f"{item['job']['id']}:1" for item in items]
    assert await database.fetchval("SELECT count(*) FROM jobs") == 100
    assert JOBS_ACCEPTED._value.get() == accepted + 100  # noqa: SLF001


async def test_it_is_one_command_to_redis_however_many_jobs(api: Api, redis: ArqRedis) -> None:
    await post(api.client, GOOD)  # the script is known from here on
    async with redis.monitor() as seen:
        await post(api.client, *[GOOD] * 50)
        await redis.ping()
        commands: list[str] = []
        while not commands or "PING" not in commands[-1].upper():
            commands.append((await seen.next_command())["command"])
    scripts = [command for command in commands if "EVALSHA" in command.upper()]
    assert len([script for script in scripts if QUEUE in script]) == 1
    assert len(scripts) == 2, "and one for the caller's rate"


async def test_what_a_job_keeps_of_its_request_is_the_same_as_alone(api: Api, database: Database) -> None:
    full = {
        **REQUEST,
        "format": "jpeg",
        "viewport": {"width": 800, "height": 600},
        "priority": 9,
        "max_attempts": 5,
        "external_id": "x",
        "expires_in_s": 3600,
        "retention_s": 60,
        "run_at": "2020-01-01T00:00:00+01:00",
        "webhook_url": "https://example.com/hook",
    }
    assert (await api.client.post("/v1/jobs", json=full)).status_code == 202
    assert (await post(api.client, full)).status_code == 202
    rows = await database.fetch(
        """
        SELECT request::text, sealed_fields, request_digest, priority, max_attempts, external_id,
               expires_at - created_at, retention_s, webhook_url, idempotency_key, retry_of, state,
               run_after - created_at, dispatched_at IS NULL
        FROM jobs ORDER BY id
        """
    )
    assert rows[0] == rows[1]


async def test_a_delayed_item_is_stored_and_not_in_line(
    api: Api, redis: ArqRedis, database: Database
) -> None:
    later = await database.fetchval("SELECT now() + interval '1 hour'")
    answer = await post(api.client, GOOD, {**GOOD, "run_at": later.isoformat()})
    assert statuses(answer) == [202, 202]
    assert await redis.zcard(QUEUE) == 1


async def test_a_bad_item_is_refused_by_itself(api: Api, database: Database) -> None:
    answer = await post(api.client, GOOD, BAD, 7, PRIVATE, {}, None, GOOD)
    assert answer.status_code == 202
    assert statuses(answer) == [202, 422, 422, 422, 422, 422, 202]
    items = answer.json()["jobs"]
    assert items[1]["job"] is None
    error = items[1]["error"]
    assert (error["type"], error["status"]) == ("invalid_request", 422)
    assert error["request_id"] == answer.headers["x-request-id"]
    assert [found["field"] for found in error["errors"]] == ["priority"]
    assert "object" in items[2]["error"]["detail"]
    assert items[3]["error"]["type"] == "url_blocked"
    assert await database.fetchval("SELECT count(*) FROM jobs") == 2


async def test_a_batch_without_a_good_item_is_refused_in_the_same_shape(api: Api, database: Database) -> None:
    answer = await post(api.client, BAD, PRIVATE, key="k")
    assert (answer.status_code, statuses(answer)) == (422, [422, 422])
    assert await database.fetchval("SELECT count(*) FROM jobs") == 0
    assert (await post(api.client, GOOD, key="k")).status_code == 202  # nothing was stored: the key is free


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"jobs": []}, "jobs"),
        ({"jobs": [GOOD] * 101}, "jobs"),
        ({"jobs": GOOD}, "jobs"),
        ({}, "jobs"),
        ({"jobs": [GOOD], "priority": 3}, "priority"),
        ([GOOD], None),
    ],
)
async def test_what_is_no_batch_is_refused(
    api: Api, database: Database, body: object, field: str | None
) -> None:
    answer = await api.client.post("/v1/jobs/batch", json=body)
    said = problem(answer, 422, ErrorType.INVALID_REQUEST)
    assert said["errors"][0]["field"] == field
    assert await database.fetchval("SELECT count(*) FROM jobs") == 0


async def test_a_body_that_is_no_json_is_refused(api: Api) -> None:
    headers = {"Content-Type": "application/json"}
    for body in (b"", b"{", b'{"jobs": [' + b"[" * 10_000):
        answer = await api.client.post("/v1/jobs/batch", content=body, headers=headers)
        problem(answer, 422, ErrorType.INVALID_REQUEST)


async def test_a_batch_may_be_longer_than_a_single_body_and_has_a_limit(serve: Serve) -> None:
    async with serve(API_MAX_BODY_BYTES=2000, API_MAX_BATCH_BYTES=20_000) as api:
        item = {"html": "x" * 1500}
        assert (await post(api.client, *[item] * 10)).status_code == 202
        problem(await post(api.client, *[item] * 20), 413, ErrorType.BODY_TOO_LARGE)


async def test_the_same_key_and_body_give_the_same_batch(
    api: Api, database: Database, redis: ArqRedis
) -> None:
    first = await post(api.client, GOOD, BAD, GOOD, key="k")
    accepted = JOBS_ACCEPTED._value.get()  # noqa: SLF001 - no public way to read it
    again = await api.client.post(
        "/v1/jobs/batch",
        content=b'{ "jobs": [{"external_id":"good","html":"<p>hello</p>"}, {"priority":10,'
        b' "html": "<p>hello</p>"},{"html":"<p>hello</p>","external_id":"good"} ] }',
        headers={"Idempotency-Key": "k", "Content-Type": "application/json"},
    )
    assert again.status_code == first.status_code == 202
    assert ids(again) == ids(first)
    assert again.json()["jobs"][1]["error"]["errors"] == first.json()["jobs"][1]["error"]["errors"]
    assert await database.fetchval("SELECT count(*) FROM jobs") == 2
    assert await redis.zcard(QUEUE) == 2
    assert JOBS_ACCEPTED._value.get() == accepted  # noqa: SLF001


async def test_a_known_batch_shows_its_jobs_as_they_are_now(api: Api, database: Database) -> None:
    first = await post(api.client, GOOD, GOOD, key="k")
    one, other = ids(first)
    assert one
    assert other
    await fail(database, one)
    again = await post(api.client, GOOD, GOOD, key="k")
    assert (again.status_code, statuses(again)) == (202, [200, 202])
    assert again.json()["jobs"][0]["job"]["status"] == "failed"
    await fail(database, other)
    again = await post(api.client, GOOD, GOOD, key="k")
    assert (again.status_code, statuses(again)) == (200, [200, 200])
    await database.execute("DELETE FROM jobs")  # as after JOB_HISTORY_S
    again = await post(api.client, GOOD, GOOD, key="k")
    assert statuses(again) == [404, 404]


async def test_the_same_key_with_another_body_is_refused(api: Api, database: Database) -> None:
    await post(api.client, GOOD, GOOD, key="k")
    for items in ([GOOD], [GOOD, BAD], [GOOD, {**GOOD, "external_id": "other"}], [BAD]):
        problem(await post(api.client, *items, key="k"), 422, ErrorType.IDEMPOTENCY_CONFLICT)
    assert await database.fetchval("SELECT count(*) FROM jobs") == 2


async def test_many_at_once_with_the_same_key_make_one_batch(
    api: Api, database: Database, redis: ArqRedis
) -> None:
    answers = await asyncio.gather(*(post(api.client, *[GOOD] * 20, BAD, key="k") for _ in range(8)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({tuple(ids(answer)) for answer in answers}) == 1
    assert await database.fetchval("SELECT count(*) FROM jobs") == 20
    assert await redis.zcard(QUEUE) == 20


async def test_keys_of_batches_and_of_jobs_do_not_meet(api: Api, database: Database) -> None:
    keyed = {"Idempotency-Key": "k"}
    single = await api.client.post("/v1/jobs", json=GOOD, headers=keyed)
    batch = await post(api.client, GOOD, key="k")
    assert (single.status_code, batch.status_code) == (202, 202)
    assert ids(batch) != [single.json()["id"]]
    assert await database.fetchval("SELECT count(*) FROM jobs") == 2


async def test_the_quota_takes_all_or_none_and_counts_only_what_is_valid(
    serve: Serve, database: Database
) -> None:
    async with serve(TENANT_MAX_QUEUED=3) as api:
        first = await post(api.client, GOOD, GOOD, BAD, BAD, key="k")
        assert statuses(first) == [202, 202, 422, 422]
        answer = await post(api.client, GOOD, GOOD)
        problem(answer, 429, ErrorType.QUOTA_EXCEEDED)
        assert int(answer.headers["retry-after"]) > 0
        assert await database.fetchval("SELECT count(*) FROM jobs") == 2
        assert (await post(api.client, GOOD)).status_code == 202
        again = await post(api.client, GOOD, GOOD, BAD, BAD, key="k")  # adds nothing
        assert ids(again) == ids(first)


async def test_without_postgres_nothing_is_stored(serve: Serve, dead_port: int) -> None:
    async with serve(DATABASE_URL=f"postgresql://nobody@127.0.0.1:{dead_port}/none") as api:
        problem(await post(api.client, GOOD), 503, ErrorType.DATABASE_UNAVAILABLE)


async def test_without_redis_the_batch_is_accepted(serve: Serve, database: Database, dead_port: int) -> None:
    async with serve(REDIS_URL=f"redis://127.0.0.1:{dead_port}/0") as api:
        assert (await post(api.client, GOOD, GOOD)).status_code == 202
        assert await database.fetchval("SELECT count(*) FROM jobs WHERE dispatched_at IS NULL") == 2


async def test_it_is_described(api: Api) -> None:
    document: dict[str, Any] = (await api.client.get("/openapi.json")).json()
    call = document["paths"]["/v1/jobs/batch"]["post"]
    for status in ("200", "202", "422"):
        reference = call["responses"][status]["content"]["application/json"]["schema"]["$ref"]
        assert set(document["components"]["schemas"][reference.rpartition("/")[2]]["properties"]) == {"jobs"}
