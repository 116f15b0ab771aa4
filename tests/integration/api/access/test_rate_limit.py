"""Calls a second: the answer tells what is left, one too many is refused, and Redis is not needed for it."""

import asyncio
import re
import signal

import httpx
import pytest
from arq.connections import ArqRedis
from prometheus_client import REGISTRY

from deploy.embedded.engines.engines import Engines
from fleet.database import Database
from fleet.errors import ErrorType
from fleet.tenants.api_keys import create_key
from fleet.tenants.tenant import Scope
from tests.integration.api.conftest import Serve
from tests.kit.api.calls import REQUEST, enqueue, problem, until
from tests.kit.patience import PATIENCE_S

SLOW = {"TENANT_MAX_REQUESTS_PER_S": 0.01, "TENANT_BURST": 3}


def left(answer: httpx.Response) -> tuple[int, int]:
    """`r` and `t` of an answer's RateLimit."""
    found = re.fullmatch(r'"default";r=(\d+);t=(\d+)', answer.headers["ratelimit"])
    assert found, answer.headers["ratelimit"]
    return int(found[1]), int(found[2])


async def key_of(database: Database, tenant: str, *scopes: Scope) -> dict[str, str]:
    async with database.connection() as connection:
        key = await create_key(connection, tenant_name=tenant, key_name="k", scopes=frozenset(scopes))
    return {"Authorization": f"Bearer {key}"}


async def test_each_answer_tells_what_is_left_and_one_too_many_is_refused(
    serve: Serve, database: Database
) -> None:
    async with serve(**SLOW) as api:
        answers = [
            await api.client.post("/v1/jobs", json=REQUEST),
            await api.client.get("/v1/jobs"),
            await api.client.get("/v1/jobs/nothing"),
        ]
        assert [answer.status_code for answer in answers] == [202, 200, 404]
        assert [left(answer)[0] for answer in answers[:2]] == [2, 1]
        assert {answer.headers["ratelimit-policy"] for answer in answers[:2]} == {'"default";q=3;w=300'}
        assert left(await api.client.get("/v1/jobs"))[0] == 0
        refused = await api.client.post("/v1/jobs", json=REQUEST)
        problem(refused, 429, ErrorType.RATE_LIMITED)
        r, t = left(refused)
        assert r == 0
        assert 90 <= t <= 100
        assert refused.headers["retry-after"] == str(t)
        assert await database.fetchval("SELECT count(*) FROM jobs") == 1


async def test_tenants_do_not_pay_for_each_other_and_their_keys_do(serve: Serve, database: Database) -> None:
    async with serve(**SLOW) as api:
        sister = await key_of(database, "tests", Scope.READ)
        stranger = await key_of(database, "strangers", Scope.READ)
        for headers in ({}, sister, {}):
            assert (await api.client.get("/v1/jobs", headers=headers)).status_code == 200
        problem(await api.client.get("/v1/jobs", headers=sister), 429, ErrorType.RATE_LIMITED)
        assert left(await api.client.get("/v1/jobs", headers=stranger))[0] == 2


async def test_all_api_processes_share_a_bucket(serve: Serve) -> None:
    async with serve(**SLOW) as one, serve(**SLOW) as other:
        statuses = [(await api.client.get("/v1/jobs")).status_code for api in (one, other, one, other)]
        assert statuses == [200, 200, 200, 429]


async def test_a_call_that_the_key_does_not_allow_counts_and_one_without_a_key_does_not(
    serve: Serve, database: Database
) -> None:
    async with serve(**SLOW) as api:
        reader = await key_of(database, "tests", Scope.READ)
        nobody = await api.client.get("/v1/jobs", headers={"Authorization": "Bearer nothing"})
        assert nobody.status_code == 401
        assert "ratelimit" not in nobody.headers
        for method, path in (("POST", "/v1/jobs"), ("GET", "/v1/fleet"), ("GET", "/v1/admin/tenants")):
            assert (await api.client.request(method, path, headers=reader)).status_code == 403
        problem(await api.client.get("/v1/fleet", headers=reader), 429, ErrorType.RATE_LIMITED)


async def test_an_operators_calls_are_not_limited(serve: Serve) -> None:
    async with serve(TENANT_MAX_REQUESTS_PER_S=0.01, TENANT_BURST=1) as api:
        assert (await api.client.get("/v1/jobs")).status_code == 200
        assert (await api.client.get("/v1/jobs")).status_code == 429
        for path in ("/v1/fleet", "/v1/admin/keys"):
            answer = await api.client.get(path)
            assert answer.status_code == 200
            assert "ratelimit" not in answer.headers


async def test_a_tenants_own_limit_outranks_the_setting(serve: Serve, database: Database) -> None:
    await database.execute("UPDATE tenants SET max_requests_per_s = 0.5, burst = 4")
    async with serve(**SLOW, API_KEY_CACHE_S=0) as api:
        assert (await api.client.get("/v1/jobs")).headers["ratelimit-policy"] == '"default";q=4;w=8'
        await database.execute("UPDATE tenants SET burst = NULL")
        assert (await api.client.get("/v1/jobs")).headers["ratelimit-policy"] == '"default";q=3;w=6'


async def test_a_burst_is_what_two_seconds_bring_and_0_is_no_limit(serve: Serve) -> None:
    async with serve(TENANT_MAX_REQUESTS_PER_S=30) as api:
        assert (await api.client.get("/v1/jobs")).headers["ratelimit-policy"] == '"default";q=60;w=2'
    async with serve(TENANT_MAX_REQUESTS_PER_S=0) as api:
        assert "ratelimit" not in (await api.client.get("/v1/jobs")).headers


async def test_a_stream_of_events_has_the_headers_too(serve: Serve) -> None:
    async with serve(**SLOW) as api:
        job = await enqueue(api.client)
        async with api.client.stream("GET", job["links"]["events"]) as stream:
            assert left(stream)[0] == 1


async def test_without_redis_each_process_counts_by_itself(
    serve: Serve, dead_port: int, capfd: pytest.CaptureFixture[str]
) -> None:
    async with serve(**SLOW, REDIS_URL=f"redis://127.0.0.1:{dead_port}/0", LOG_FORMAT="json") as api:
        statuses = [(await api.client.post("/v1/jobs", json=REQUEST)).status_code for _ in range(4)]
        assert statuses == [202, 202, 202, 429]
        assert REGISTRY.get_sample_value("renderfleet_rates_local") == 1
    assert capfd.readouterr().err.count("this process counts by itself") == 1


async def test_a_frozen_redis_holds_up_one_call_for_a_moment_and_is_used_again_when_it_moves(
    serve: Serve, engines: Engines, redis: ArqRedis
) -> None:
    async with serve(TENANT_MAX_REQUESTS_PER_S=0.01, TENANT_BURST=8) as api:
        assert left(await api.client.get("/v1/jobs"))[0] == 7
        child = engines.redis.child
        assert child is not None
        child.process.send_signal(signal.SIGSTOP)
        try:
            answers = [await api.client.get("/v1/jobs") for _ in range(3)]
            assert [left(answer)[0] for answer in answers] == [7, 6, 5], "a bucket of this process"
            seconds = [answer.elapsed.total_seconds() for answer in answers]
            assert seconds[0] < 1.0
            assert max(seconds[1:]) < seconds[0] / 2
        finally:
            child.process.send_signal(signal.SIGCONT)
        assert await redis.ping()
        await until(lambda: REGISTRY.get_sample_value("renderfleet_rates_local") == 0)
        assert left(await api.client.get("/v1/jobs"))[0] in {5, 6}, "the call that was given up may count"


async def test_openapi_tells_of_the_headers_and_of_429(serve: Serve) -> None:
    async with serve() as api:
        document = (await api.client.get("/openapi.json")).json()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            if path.startswith("/v1/") and not path.startswith(("/v1/admin", "/v1/fleet")):
                assert "RateLimit" in operation["responses"]["429"]["headers"], (method, path)
                assert "Retry-After" in operation["responses"]["429"]["headers"], (method, path)
    assert "RateLimit" in document["paths"]["/v1/jobs"]["get"]["responses"]["200"]["headers"]
    assert "429" not in document["paths"]["/v1/admin/tenants"]["get"]["responses"]


async def test_a_flood_is_refused_to_the_letter(serve: Serve) -> None:
    async with serve(TENANT_MAX_REQUESTS_PER_S=0.01, TENANT_BURST=20) as api:
        # On a busy machine Redis answers late, and the process counts by itself: from the beginning.
        api.dependencies.rates.wait_s = PATIENCE_S
        answers = await asyncio.gather(*(api.client.get("/v1/jobs") for _ in range(60)))
        assert sorted(answer.status_code for answer in answers) == [200] * 20 + [429] * 40
