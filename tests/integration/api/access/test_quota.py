"""As many queued jobs as a tenant may have, and a Redis that is silent."""

import asyncio
import signal

import pytest
from arq.connections import ArqRedis

from deploy.embedded.engines.engines import Engines
from fleet.database import Database
from fleet.errors import ErrorType
from tests.integration.api.conftest import Serve
from tests.kit.api.calls import REQUEST, claim, enqueue, problem


async def test_beyond_the_limit_a_post_is_refused_until_a_job_begins(
    serve: Serve, database: Database
) -> None:
    async with serve(TENANT_MAX_QUEUED=3) as api:
        queued = [await enqueue(api.client) for _ in range(3)]
        answer = await api.client.post("/v1/jobs", json=REQUEST)
        said = problem(answer, 429, ErrorType.QUOTA_EXCEEDED)
        assert "3" in said["detail"]
        assert int(answer.headers["retry-after"]) > 0
        assert await database.fetchval("SELECT count(*) FROM jobs") == 3
        await claim(database, queued[0]["id"])
        await enqueue(api.client)
        problem(await api.client.post("/v1/jobs", json=REQUEST), 429, ErrorType.QUOTA_EXCEEDED)
        assert (await api.client.delete(queued[1]["links"]["self"])).status_code == 200
        await enqueue(api.client)
        assert await database.fetchval("SELECT count(*) FROM jobs") == 5


async def test_whoever_has_nothing_queued_at_the_moment_is_not_refused(
    serve: Serve, database: Database
) -> None:
    """One job after the other, each begun before the next is posted, all within one second."""
    async with serve(TENANT_MAX_QUEUED=3) as api:
        for _ in range(12):
            await claim(database, (await enqueue(api.client))["id"])


async def test_what_was_never_stored_does_not_count_for_the_month(serve: Serve) -> None:
    async with serve(TENANT_MAX_RENDERS_PER_MONTH=3) as api:
        for _ in range(10):  # the same job, asked for again and again
            await enqueue(api.client, **{"Idempotency-Key": "k"})
        for _ in range(2):
            await enqueue(api.client)
        problem(await api.client.post("/v1/jobs", json=REQUEST), 429, ErrorType.QUOTA_EXCEEDED)


async def test_a_lower_limit_is_told_without_a_wrong_number(serve: Serve, database: Database) -> None:
    async with serve(TENANT_MAX_QUEUED=0, API_KEY_CACHE_S=0) as api:
        for _ in range(5):
            await enqueue(api.client)
        await database.execute("UPDATE tenants SET max_queued = 2")
        said = problem(await api.client.post("/v1/jobs", json=REQUEST), 429, ErrorType.QUOTA_EXCEEDED)
        assert said["detail"].startswith("you have 2 or more queued jobs and may have 2")


async def test_a_tenants_own_limit_outranks_the_setting(serve: Serve, database: Database) -> None:
    await database.execute("UPDATE tenants SET max_queued = 1")
    async with serve(TENANT_MAX_QUEUED=0, API_KEY_CACHE_S=0) as api:
        await enqueue(api.client)
        problem(await api.client.post("/v1/jobs", json=REQUEST), 429, ErrorType.QUOTA_EXCEEDED)
        await database.execute("UPDATE tenants SET max_queued = NULL")
        for _ in range(3):
            await enqueue(api.client)


async def test_a_repeated_call_is_answered_also_at_the_limit(serve: Serve) -> None:
    async with serve(TENANT_MAX_QUEUED=1) as api:
        first = await enqueue(api.client, **{"Idempotency-Key": "k"})
        assert (await enqueue(api.client, **{"Idempotency-Key": "k"}))["id"] == first["id"]
        other = {"Idempotency-Key": "l"}
        problem(await api.client.post("/v1/jobs", json=REQUEST, headers=other), 429, ErrorType.QUOTA_EXCEEDED)


async def test_a_repeated_call_takes_nothing_of_the_limit(serve: Serve) -> None:
    async with serve(TENANT_MAX_QUEUED=2) as api:
        for _ in range(3):
            await enqueue(api.client, **{"Idempotency-Key": "k"})
        assert (await api.client.post("/v1/jobs", json=REQUEST)).status_code == 202


async def test_a_month_has_so_many_renders_and_the_refusal_tells_when_it_is_over(
    serve: Serve, database: Database
) -> None:
    async with serve(TENANT_MAX_RENDERS_PER_MONTH=3) as api:
        first = await enqueue(api.client, **{"Idempotency-Key": "k"})
        batch = await api.client.post("/v1/jobs/batch", json={"jobs": [REQUEST] * 3})
        problem(batch, 429, ErrorType.QUOTA_EXCEEDED)
        assert (await api.client.post("/v1/jobs/batch", json={"jobs": [REQUEST] * 2})).status_code == 202
        refused = await api.client.post("/v1/jobs", json=REQUEST)
        assert "this month" in problem(refused, 429, ErrorType.QUOTA_EXCEEDED)["detail"]
        left_s = await database.fetchval(
            "SELECT extract(epoch FROM (date_trunc('month', now() AT TIME ZONE 'UTC') + interval '1 month') "
            "AT TIME ZONE 'UTC' - now())"
        )
        assert abs(int(refused.headers["retry-after"]) - left_s) < 60
        assert (await enqueue(api.client, **{"Idempotency-Key": "k"}))["id"] == first["id"]
        assert await database.fetchval("SELECT count(*) FROM jobs") == 3
    async with serve(TENANT_MAX_RENDERS_PER_MONTH=3) as another:
        problem(await another.client.post("/v1/jobs", json=REQUEST), 429, ErrorType.QUOTA_EXCEEDED)
        await database.execute("UPDATE tenants SET max_renders_per_month = 4")
        another.dependencies.authenticator.forget_all()
        await enqueue(another.client)


@pytest.mark.parametrize("setting", ["TENANT_MAX_QUEUED", "TENANT_MAX_RENDERS_PER_MONTH"])
async def test_calls_at_the_same_moment_do_not_pass_a_limit_together(
    serve: Serve, database: Database, setting: str
) -> None:
    async with serve(**{setting: 25}) as api:
        batch = {"jobs": [REQUEST] * 10}
        answers = await asyncio.gather(*(api.client.post("/v1/jobs/batch", json=batch) for _ in range(10)))
        assert sorted(answer.status_code for answer in answers) == [202] * 2 + [429] * 8
        assert await database.fetchval("SELECT count(*) FROM jobs") == 20


async def test_a_frozen_redis_costs_the_first_post_its_time_out_and_not_the_others(
    serve: Serve, engines: Engines, database: Database, redis: ArqRedis
) -> None:
    async with serve(REDIS_TIMEOUT_S=0.2) as api:
        await enqueue(api.client)
        child = engines.redis.child
        assert child is not None
        child.process.send_signal(signal.SIGSTOP)
        try:
            answers = [await api.client.post("/v1/jobs", json=REQUEST) for _ in range(4)]
        finally:
            child.process.send_signal(signal.SIGCONT)
        assert [answer.status_code for answer in answers] == [202] * 4
        seconds = [answer.elapsed.total_seconds() for answer in answers]
        assert max(seconds[1:]) < seconds[0] / 2
        missing = "SELECT count(*) FROM jobs WHERE dispatched_at IS NULL"
        assert await database.fetchval(missing) == 4
    assert await redis.ping()
