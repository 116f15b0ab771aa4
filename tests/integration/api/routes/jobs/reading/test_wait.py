"""Waiting for a job: fast with an announcement, sure without one, and nothing is held by callers who left."""

import asyncio
import time
from uuid import UUID

import httpx
from arq.connections import ArqRedis

from api.jobs.waiters import wait_for
from fleet.database import Database
from fleet.jobs.job import State
from fleet.jobs.read import get
from fleet.queue.announcements import announce_change
from fleet.tenants.tenant import Tenant
from tests.integration.api.conftest import Api, Serve
from tests.kit.api.calls import REQUEST, claim, enqueue, fail, until
from tests.kit.api.follow import follow
from tests.kit.patience import PATIENCE_S

PREFER = {"Prefer": "respond-async, wait=30"}


async def test_a_get_waits_for_the_announced_end(api: Api, database: Database, redis: ArqRedis) -> None:
    job = await enqueue(api.client)
    waiters = api.dependencies.waiters
    waiting = asyncio.create_task(api.client.get(f"{job['links']['self']}?wait=60"))
    await until(lambda: waiters.count == 1)
    attempt = await claim(database, job["id"])
    assert not waiting.done()
    await fail_claimed(database, attempt.job_id)
    started = time.monotonic()
    await announce_change(redis, attempt.job_id)
    answer = await waiting
    assert time.monotonic() - started < 5
    assert (answer.status_code, answer.json()["status"]) == (200, "failed")
    assert waiters.count == 0


async def test_a_wait_is_for_the_end_and_not_for_what_comes_before(
    api: Api, database: Database, redis: ArqRedis
) -> None:
    job = await enqueue(api.client)
    async with follow(api.client, job) as follower:
        await follower.next()
        waiting = asyncio.create_task(api.client.get(f"{job['links']['self']}?wait=60"))
        await until(lambda: api.dependencies.waiters.count == 2)
        attempt = await claim(database, job["id"])
        await announce_change(redis, attempt.job_id)
        running = await follower.next()
        assert running is not None
        assert running.name == "running"
        await api.client.get(job["links"]["self"])  # time enough for an answer that should not be
        assert not waiting.done()
        await fail_claimed(database, attempt.job_id)
        await announce_change(redis, attempt.job_id)
        assert (await waiting).json()["status"] == "failed"


async def nobody_hangs_up() -> dict[str, str]:
    await asyncio.get_running_loop().create_future()
    raise AssertionError


async def test_who_waits_is_handed_the_row_as_it_is_and_has_nothing_to_read(
    api: Api, database: Database, redis: ArqRedis, tenant: Tenant
) -> None:
    waiters = api.dependencies.waiters
    job = await enqueue(api.client)
    with waiters.watch(UUID(job["id"]), tenant=tenant) as watch:
        assert await wait_for(watch, timeout_s=0.01, receive=nobody_hangs_up) is None
        attempt = await claim(database, job["id"])
        await announce_change(redis, attempt.job_id)
        await until(lambda: watch.news is not None)
        # In vain, but as it is now.
        found = await wait_for(watch, timeout_s=0.01, receive=nobody_hangs_up)
        assert found is not None
        assert (found.state, found.attempt) == (State.RUNNING, 1)
        await fail_claimed(database, attempt.job_id)
        await announce_change(redis, attempt.job_id)
        found = await wait_for(watch, timeout_s=10, receive=nobody_hangs_up)
        assert found == await get(database, job_id=attempt.job_id, tenant_id=attempt.tenant_id)
        # Who comes too late for the word is not left waiting for another one.
        with waiters.watch(UUID(job["id"]), tenant=tenant) as late:
            assert await wait_for(late, timeout_s=10, receive=nobody_hangs_up) == found


async def fail_claimed(database: Database, job_id: object) -> None:
    await database.execute(
        "UPDATE jobs SET state = 'failed', error_type = 'tls_error', finished_at = now(), lease_until = NULL "
        "WHERE id = $1",
        job_id,
    )


async def test_a_lost_announcement_costs_a_second(api: Api, database: Database) -> None:
    job = await enqueue(api.client)
    waiting = asyncio.create_task(api.client.get(f"{job['links']['self']}?wait=60"))
    await until(lambda: api.dependencies.waiters.count == 1)
    await fail(database, job["id"])
    answer = await asyncio.wait_for(waiting, timeout=40)
    assert answer.json()["status"] == "failed"


async def test_a_post_that_prefers_to_wait_gets_the_finished_job(api: Api, database: Database) -> None:
    waiting = asyncio.create_task(api.client.post("/v1/jobs", json=REQUEST, headers=PREFER))
    await until(lambda: api.dependencies.waiters.count == 1)
    listed = (await api.client.get("/v1/jobs")).json()["jobs"]
    await fail(database, listed[0]["id"])
    answer = await waiting
    assert (answer.status_code, answer.json()["status"]) == (200, "failed")
    assert answer.headers["preference-applied"] == "wait=30"


async def test_a_post_that_waited_in_vain_answers_202(api: Api) -> None:
    answer = await api.client.post("/v1/jobs", json=REQUEST, headers={"Prefer": "wait=1"})
    assert (answer.status_code, answer.json()["status"]) == (202, "queued")
    assert answer.headers["preference-applied"] == "wait=1"


async def test_waiting_works_while_redis_is_away(serve: Serve, database: Database, dead_port: int) -> None:
    async with serve(REDIS_URL=f"redis://127.0.0.1:{dead_port}/0") as api:
        waiting = asyncio.create_task(api.client.post("/v1/jobs", json=REQUEST, headers=PREFER))
        await until(lambda: api.dependencies.waiters.count == 1)
        job = (await api.client.get("/v1/jobs")).json()["jobs"][0]
        await fail(database, job["id"])
        answer = await asyncio.wait_for(waiting, timeout=25)
        assert answer.status_code == 200


async def test_a_caller_that_hangs_up_frees_its_waiter(api: Api, tenant_key: str) -> None:
    job = await enqueue(api.client)
    _, writer = await asyncio.open_connection("127.0.0.1", api.port)
    path = f"{job['links']['self']}?wait=60"
    writer.write(f"GET {path} HTTP/1.1\r\nHost: [::1]\r\nAuthorization: Bearer {tenant_key}\r\n\r\n".encode())
    await until(lambda: api.dependencies.waiters.count == 1)
    writer.close()
    await writer.wait_closed()
    await until(lambda: api.dependencies.waiters.count == 0)


async def test_many_waiters_hold_no_connection_to_postgres(serve: Serve, database: Database) -> None:
    async with serve(DATABASE_POOL_SIZE=2) as api:
        jobs = [await enqueue(api.client) for _ in range(3)]
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(
            base_url=api.client.base_url,
            headers=api.client.headers,
            trust_env=False,
            timeout=PATIENCE_S,
            limits=limits,
        ) as client:
            waiting = [
                asyncio.create_task(client.get(f"{jobs[number % 3]['links']['self']}?wait=60"))
                for number in range(150)
            ]
            await until(lambda: api.dependencies.waiters.count == 150)
            assert (await api.client.get("/v1/jobs")).status_code == 200
            for job in jobs:
                await fail(database, job["id"])
            answers = await asyncio.gather(*waiting)
        assert {answer.json()["status"] for answer in answers} == {"failed"}


async def test_more_waiters_than_allowed_are_answered_at_once(serve: Serve) -> None:
    async with serve(API_MAX_WAITERS=0) as api:
        job = await enqueue(api.client)
        answer = await asyncio.wait_for(api.client.get(f"{job['links']['self']}?wait=60"), timeout=40)
        assert (answer.status_code, answer.json()["status"]) == (200, "queued")


async def test_a_stopping_server_answers_its_waiters(api: Api) -> None:
    job = await enqueue(api.client)
    waiting = asyncio.create_task(api.client.get(f"{job['links']['self']}?wait=60"))
    await until(lambda: api.dependencies.waiters.count == 1)
    api.dependencies.waiters.release()
    answer = await asyncio.wait_for(waiting, timeout=40)
    assert (answer.status_code, answer.json()["status"]) == (200, "queued")
