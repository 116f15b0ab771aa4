"""POST /v1/jobs/{id}/retry, and the list of the quarantine."""

import asyncio
from datetime import timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from arq.connections import ArqRedis

from fleet.artifacts.store import Artifacts
from fleet.database import Database
from fleet.errors import ErrorType
from fleet.jobs.attempts.attempt import AttemptOutcome, finish
from fleet.jobs.job import State
from fleet.queue.announcements import announce_change
from fleet.queue.arq_adapter import QUEUE
from fleet.tenants.api_keys import create_key
from fleet.tenants.tenant import Scope
from tests.integration.api.conftest import Api, Serve
from tests.kit.api.calls import claim, enqueue, fail, problem, succeed
from tests.kit.api.retries import PAGE, failed, retry
from tests.kit.patience import PATIENCE_S

CRASHED = AttemptOutcome(
    State.FAILED, error_type=ErrorType.PAGE_CRASHED, error_detail="it crashed", is_quarantined=True
)


async def quarantined(api: Api, database: Database) -> str:
    """A job that crashed as often as it may; its id."""
    job_id = str((await enqueue(api.client, PAGE))["id"])
    attempt = await claim(database, job_id)
    await database.execute("UPDATE jobs SET crash_count = 2 WHERE id = $1", attempt.job_id)
    assert await finish(database, attempt, CRASHED)
    return job_id


async def listed(api: Api, **parameters: object) -> list[str]:
    answer = await api.client.get("/v1/jobs", params={key: str(value) for key, value in parameters.items()})
    assert answer.status_code == 200, answer.text
    return [job["id"] for job in answer.json()["jobs"]]


async def test_a_failed_job_is_run_anew_as_a_new_job(api: Api, database: Database, redis: ArqRedis) -> None:
    old = await failed(api, database, format="pdf", external_id="mine", priority=7, retention_s=60)
    answer = await retry(api.client, old["id"])
    assert answer.status_code == 202
    new = answer.json()
    assert answer.headers["location"] == new["links"]["self"] == f"/v1/jobs/{new['id']}"
    assert new["id"] != old["id"]
    assert new["retry_of"] == old["id"]
    assert (new["status"], new["attempt"], new["external_id"], new["priority"]) == ("queued", 0, "mine", 7)
    assert f"{new['id']}:1".encode() in await redis.zrange(QUEUE, 0, -1)
    assert (await api.client.get(f"/v1/jobs/{old['id']}")).json()["status"] == "failed"
    copied = "request::text, request_digest, max_attempts, retention_s, webhook_url, tenant_id"
    rows = await database.fetch(f"SELECT {copied} FROM jobs")  # noqa: S608 - a constant
    assert rows[0] == rows[1]
    assert (await claim(database, new["id"])).crash_count == 0


async def test_cancelled_and_expired_jobs_are_run_anew_too(api: Api, database: Database) -> None:
    cancelled = await enqueue(api.client, PAGE)
    await api.client.delete(cancelled["links"]["self"])
    expired = await enqueue(api.client, PAGE)
    await finish(database, await claim(database, expired["id"]), AttemptOutcome(State.EXPIRED))
    for job in (cancelled, expired):
        answer = await retry(api.client, job["id"])
        assert (answer.status_code, answer.json()["retry_of"]) == (202, job["id"])


async def test_times_count_from_the_retry(api: Api, database: Database, redis: ArqRedis) -> None:
    now = await database.fetchval("SELECT now()")
    soon, later = (now + timedelta(hours=hours) for hours in (1, 2))
    delayed = await cancelled_in_time(api, run_at=later.isoformat(), expires_in_s=7300)
    over = await cancelled_in_time(api, run_at=soon.isoformat(), expires_in_s=7200)
    old = "'2020-01-01T00:00:00Z'"
    await database.execute(
        f"UPDATE jobs SET request = jsonb_set(request::jsonb, '{{run_at}}', to_jsonb({old}::text)) "  # noqa: S608
        "WHERE id = $1",
        UUID(over),
    )
    await redis.flushdb()
    new = (await retry(api.client, over)).json()
    row = await database.fetchrow("SELECT * FROM jobs WHERE id = $1", UUID(new["id"]))
    assert row is not None
    assert row["run_after"] == row["created_at"]
    assert row["expires_at"] - row["created_at"] == timedelta(hours=2)
    assert await redis.zcard(QUEUE) == 1
    new = (await retry(api.client, delayed)).json()
    row = await database.fetchrow("SELECT * FROM jobs WHERE id = $1", UUID(new["id"]))
    assert row is not None
    assert (row["run_after"], row["dispatched_at"]) == (later, None)
    assert await redis.zcard(QUEUE) == 1


async def cancelled_in_time(api: Api, **options: object) -> str:
    answer = await api.client.post("/v1/jobs", json={**PAGE, **options})
    job_id = str(answer.json()["id"])
    assert (await api.client.delete(f"/v1/jobs/{job_id}")).status_code == 200
    return job_id


async def test_what_has_not_failed_is_not_run_anew(
    api: Api, database: Database, artifacts: Artifacts, tmp_path: Path
) -> None:
    job = await enqueue(api.client, PAGE)
    said = problem(await retry(api.client, job["id"]), 409, ErrorType.JOB_NOT_FINISHED)
    assert "queued" in said["detail"]
    await succeed(database, artifacts, tmp_path, job["id"])
    said = problem(await retry(api.client, job["id"]), 409, ErrorType.JOB_FINISHED)
    assert "succeeded" in said["detail"]
    assert await database.fetchval("SELECT count(*) FROM jobs") == 1


async def test_a_job_of_nobody_or_of_somebody_else_is_not_found(api: Api, database: Database) -> None:
    job = await failed(api, database)
    for job_id in (str(uuid4()), "7"):
        problem(await retry(api.client, job_id), 404, ErrorType.NOT_FOUND)
    async with database.connection() as connection:
        key = await create_key(
            connection, tenant_name="others", key_name="k", scopes=frozenset({Scope.RENDER})
        )
        reader = await create_key(
            connection, tenant_name="tests", key_name="r", scopes=frozenset({Scope.READ})
        )
    others = await retry(api.client, job["id"], Authorization=f"Bearer {key}")
    problem(others, 404, ErrorType.NOT_FOUND)
    problem(await retry(api.client, job["id"], Authorization=f"Bearer {reader}"), 403, ErrorType.FORBIDDEN)
    assert await database.fetchval("SELECT count(*) FROM jobs") == 1


async def test_a_request_that_is_forbidden_by_now_is_refused(serve: Serve, database: Database) -> None:
    async with serve(EGRESS_ALLOW="127.0.0.1") as api:
        answer = await api.client.post("/v1/jobs", json={"url": "http://127.0.0.1:8099/"})
        job_id = answer.json()["id"]
        await fail(database, job_id)
        assert (await retry(api.client, job_id)).status_code == 202
    async with serve(EGRESS_ALLOW="") as api:
        said = problem(await retry(api.client, job_id), 422, ErrorType.URL_BLOCKED)
        assert said["errors"][0]["field"] == "url"
    assert await database.fetchval("SELECT count(*) FROM jobs") == 2


async def test_a_request_with_a_blocked_address_and_another_error_is_blocked(
    api: Api, database: Database
) -> None:
    job = await failed(api, database)
    await database.execute("UPDATE jobs SET request = $1", '{"url": "http://127.0.0.1/", "priority": 99}')
    said = problem(await retry(api.client, job["id"]), 422, ErrorType.URL_BLOCKED)
    assert {found["field"] for found in said["errors"]} == {"url", "priority"}


async def test_options_beside_those_of_the_job_are_refused(api: Api, database: Database) -> None:
    job = await failed(api, database)
    answer = await api.client.post(f"/v1/jobs/{job['id']}/retry", json={"priority": 9})
    problem(answer, 422, ErrorType.INVALID_REQUEST)
    answer = await api.client.post(f"/v1/jobs/{job['id']}/retry?priority=9")
    problem(answer, 422, ErrorType.INVALID_REQUEST)
    assert await database.fetchval("SELECT count(*) FROM jobs") == 1


async def test_the_same_key_gives_the_same_retry(api: Api, database: Database, redis: ArqRedis) -> None:
    job = await failed(api, database)
    await redis.flushdb()
    keyed = {"Idempotency-Key": "k"}
    answers = await asyncio.gather(*(retry(api.client, job["id"], **keyed) for _ in range(10)))
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert await redis.zcard(QUEUE) == 1
    assert await database.fetchval("SELECT count(*) FROM jobs") == 2
    assert (await retry(api.client, job["id"])).json()["id"] != answers[0].json()["id"]


async def test_a_key_belongs_to_one_call(api: Api, database: Database) -> None:
    """The job, its retry and another job's retry have the same request; they are three calls."""
    keyed = {"Idempotency-Key": "k"}
    job_id = (await enqueue(api.client, PAGE, **keyed))["id"]
    await fail(database, job_id)
    problem(await retry(api.client, job_id, **keyed), 422, ErrorType.IDEMPOTENCY_CONFLICT)
    fresh = {"Idempotency-Key": "fresh"}
    assert (await retry(api.client, job_id, **fresh)).status_code == 202
    other = await failed(api, database)
    problem(await retry(api.client, other["id"], **fresh), 422, ErrorType.IDEMPOTENCY_CONFLICT)
    answer = await api.client.post("/v1/jobs", json=PAGE, headers=fresh)
    problem(answer, 422, ErrorType.IDEMPOTENCY_CONFLICT)


async def test_a_key_of_another_call_leaves_the_quarantine_as_it_is(api: Api, database: Database) -> None:
    await enqueue(api.client, PAGE, **{"Idempotency-Key": "k"})
    job_id = await quarantined(api, database)
    answer = await retry(api.client, job_id, **{"Idempotency-Key": "k"})
    problem(answer, 422, ErrorType.IDEMPOTENCY_CONFLICT)
    assert await listed(api, quarantined="true") == [job_id]


async def test_the_quota_counts_retries(serve: Serve, database: Database) -> None:
    async with serve(TENANT_MAX_QUEUED=1, API_KEY_CACHE_S=0) as api:
        job = await failed(api, database)
        keyed = {"Idempotency-Key": "k"}
        await database.execute("UPDATE tenants SET max_queued = 2")
        assert (await retry(api.client, job["id"], **keyed)).status_code == 202
        await database.execute("UPDATE tenants SET max_queued = 1")
        problem(await retry(api.client, job["id"]), 429, ErrorType.QUOTA_EXCEEDED)
        assert (await retry(api.client, job["id"], **keyed)).status_code == 202  # a repeated call adds none


async def test_the_end_of_the_new_job_can_be_waited_for(
    api: Api, database: Database, redis: ArqRedis
) -> None:
    job = await failed(api, database)
    await redis.flushdb()
    answer = asyncio.create_task(retry(api.client, job["id"], Prefer="wait=20"))
    async with asyncio.timeout(PATIENCE_S):
        while not await redis.zcard(QUEUE):  # noqa: ASYNC110 - Redis tells nobody
            await asyncio.sleep(0.01)
    new_id = (await redis.zrange(QUEUE, 0, -1))[0].decode().partition(":")[0]
    await fail(database, new_id)
    await announce_change(redis, UUID(new_id))
    assert (await answer).status_code == 200
    assert (await answer).headers["preference-applied"] == "wait=20"
    assert (await answer).json()["status"] == "failed"


async def test_the_quarantine_is_listed_and_left_by_a_retry(api: Api, database: Database) -> None:
    killers = [await quarantined(api, database) for _ in range(3)]
    plain = (await failed(api, database))["id"]
    assert await listed(api, quarantined="true") == killers[::-1]
    assert await listed(api, quarantined="false") == [plain]
    assert await listed(api, quarantined="true", status="failed") == killers[::-1]
    assert await listed(api, quarantined="true", status="queued") == []
    assert await listed(api, quarantined="false", status="failed") == [plain]
    assert await listed(api) == [plain, *killers[::-1]]
    page = (await api.client.get("/v1/jobs?quarantined=true&limit=2")).json()
    assert [job["id"] for job in page["jobs"]] == killers[:0:-1]
    assert all(job["quarantined"] for job in page["jobs"])
    assert await listed(api, quarantined="true", cursor=page["next_cursor"]) == killers[:1]
    new = (await retry(api.client, killers[1])).json()
    assert await listed(api, quarantined="true") == [killers[2], killers[0]]
    assert (await api.client.get(f"/v1/jobs/{killers[1]}")).json()["quarantined"] is False
    assert (await claim(database, new["id"])).crash_count == 1  # so it gets a browser of its own
    again = (await retry(api.client, killers[1])).json()
    assert (await claim(database, again["id"])).crash_count == 1


async def test_a_filter_that_is_no_truth_is_refused(api: Api) -> None:
    answer = await api.client.get("/v1/jobs?quarantined=perhaps")
    said = problem(answer, 422, ErrorType.INVALID_REQUEST)
    assert [found["field"] for found in said["errors"]] == ["quarantined"]


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_other_methods_are_not_allowed(api: Api, method: str) -> None:
    answer = await api.client.request(method, f"/v1/jobs/{uuid4()}/retry")
    problem(answer, 405, ErrorType.METHOD_NOT_ALLOWED)
    assert answer.headers["allow"] == "POST"
