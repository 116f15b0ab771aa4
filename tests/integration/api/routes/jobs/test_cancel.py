"""DELETE /v1/jobs/{id}: what is queued ends at once, what runs is asked to, what has ended stays as it is."""

import asyncio
from datetime import UTC, datetime, timedelta
from uuid import uuid4

import pytest
from arq.connections import ArqRedis

from fleet.database import Database
from fleet.errors import ErrorType
from fleet.jobs.attempts.attempt import AttemptOutcome, finish
from fleet.jobs.job import State
from fleet.queue.announcements import CANCELS, announce_change, listen
from fleet.queue.arq_adapter import QUEUE
from fleet.tenants.api_keys import create_key
from fleet.tenants.tenant import Scope
from tests.integration.api.conftest import Api
from tests.kit.api.calls import REQUEST, claim, enqueue, fail, problem
from tests.kit.patience import PATIENCE_S


async def other_key(database: Database, *scopes: Scope, tenant: str = "others") -> dict[str, str]:
    async with database.connection() as connection:
        key = await create_key(connection, tenant_name=tenant, key_name="k", scopes=frozenset(scopes))
    return {"Authorization": f"Bearer {key}"}


async def test_a_queued_job_is_cancelled_and_leaves_the_line(api: Api, redis: ArqRedis) -> None:
    job = await enqueue(api.client)
    assert await redis.zcard(QUEUE) == 1
    answer = await api.client.delete(job["links"]["self"])
    assert answer.status_code == 200
    document = answer.json()
    assert (document["status"], document["error"]["type"]) == ("cancelled", "cancelled")
    assert document["finished_at"] is not None
    assert await redis.zcard(QUEUE) == 0
    assert (await api.client.get(job["links"]["self"])).json() == document


async def test_cancelling_twice_is_a_conflict_that_names_the_end(api: Api, database: Database) -> None:
    job = await enqueue(api.client)
    await api.client.delete(job["links"]["self"])
    said = problem(await api.client.delete(job["links"]["self"]), 409, ErrorType.JOB_FINISHED)
    assert "cancelled" in said["detail"]
    failed = await enqueue(api.client)
    await fail(database, failed["id"])
    said = problem(await api.client.delete(failed["links"]["self"]), 409, ErrorType.JOB_FINISHED)
    assert "failed" in said["detail"]


async def test_a_running_job_whose_worker_is_slow_is_answered_with_202(
    api: Api, database: Database, redis: ArqRedis
) -> None:
    job = await enqueue(api.client)
    await claim(database, job["id"])
    for _ in range(2):
        answer = await api.client.delete(job["links"]["self"], headers={"Prefer": "wait=0"})
        assert (answer.status_code, answer.json()["status"]) == (202, "running")
        assert answer.headers["location"] == job["links"]["self"]
    assert await database.fetchval("SELECT cancel_requested FROM jobs")
    assert await redis.zcard(QUEUE) == 1  # it was taken by nobody here; the row decides


async def test_a_running_job_is_announced_to_its_worker_and_its_end_awaited(
    api: Api, database: Database, redis: ArqRedis
) -> None:
    job = await enqueue(api.client)
    attempt = await claim(database, job["id"])
    orders = listen(redis, CANCELS)
    order = asyncio.ensure_future(anext(orders))
    async with asyncio.timeout(PATIENCE_S):
        while not (await redis.pubsub_numsub(CANCELS))[0][1]:  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0.01)
    answer = asyncio.create_task(api.client.delete(job["links"]["self"], headers={"Prefer": "wait=20"}))
    assert (await order)[1] == attempt.job_id.bytes
    assert await finish(database, attempt, AttemptOutcome(State.CANCELLED))
    await announce_change(redis, attempt.job_id)
    assert (await answer).status_code == 200
    assert (await answer).json()["status"] == "cancelled"
    await orders.aclose()  # type: ignore[attr-defined] # it is an async generator


async def test_jobs_of_nobody_and_of_others_are_not_found(api: Api, database: Database) -> None:
    job = await enqueue(api.client)
    problem(await api.client.delete(f"/v1/jobs/{uuid4()}"), 404, ErrorType.NOT_FOUND)
    problem(await api.client.delete("/v1/jobs/7"), 404, ErrorType.NOT_FOUND)
    headers = await other_key(database, Scope.RENDER)
    problem(await api.client.delete(job["links"]["self"], headers=headers), 404, ErrorType.NOT_FOUND)
    assert (await api.client.get(job["links"]["self"])).json()["status"] == "queued"


async def test_a_key_that_may_only_read_cancels_nothing(api: Api, database: Database) -> None:
    job = await enqueue(api.client)
    headers = await other_key(database, Scope.READ, tenant="tests")
    problem(await api.client.delete(job["links"]["self"], headers=headers), 403, ErrorType.FORBIDDEN)


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"priority": 10}, "priority"),
        ({"expires_in_s": 0}, "expires_in_s"),
        ({"run_at": "2026-01-01T00:00:00"}, "run_at"),
        ({"run_at": "tomorrow"}, "run_at"),
        ({"run_at": "2999-01-01T00:00:00Z"}, "run_at"),
        ({"retention_s": 0}, "retention_s"),
        ({"webhook_url": "http://127.0.0.1/"}, "webhook_url"),
        ({"webhook_url": "ftp://example.com/"}, "webhook_url"),
    ],
)
async def test_options_of_delivery_are_checked(api: Api, options: dict[str, object], field: str) -> None:
    answer = await api.client.post("/v1/jobs", json={**REQUEST, **options})
    assert answer.status_code == 422
    assert answer.json()["errors"][0]["field"] == field


async def test_a_job_that_would_expire_before_it_may_run_is_refused(api: Api) -> None:
    later = (datetime.now(UTC) + timedelta(minutes=10)).isoformat()
    answer = await api.client.post("/v1/jobs", json={**REQUEST, "run_at": later, "expires_in_s": 60})
    said = problem(answer, 422, ErrorType.INVALID_REQUEST)
    assert "expires_in_s" in said["detail"]
    assert "run_at" in said["detail"]


async def test_a_delayed_job_is_accepted_and_not_in_line(api: Api, redis: ArqRedis) -> None:
    later = (datetime.now(UTC) + timedelta(minutes=10)).isoformat()
    answer = await api.client.post("/v1/jobs", json={**REQUEST, "run_at": later, "priority": 9})
    assert (answer.status_code, answer.json()["priority"]) == (202, 9)
    assert await redis.zcard(QUEUE) == 0
