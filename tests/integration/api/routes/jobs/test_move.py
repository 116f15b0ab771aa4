"""PATCH /v1/jobs/{id}: a queued job moves in the line; what runs or has ended does not."""

import pytest
from arq.connections import ArqRedis

from api.dependencies import Dependencies
from fleet.database import Database
from fleet.errors import ErrorType
from fleet.queue.line import next_entries
from fleet.tenants.api_keys import create_key
from fleet.tenants.tenant import Scope
from tests.integration.api.conftest import Api, Serve
from tests.kit.api.calls import claim, enqueue, fail, problem


async def line(dependencies: Dependencies) -> list[str]:
    return [str(entry.job_id) for entry in await next_entries(dependencies.redis, 10)]


async def test_a_queued_job_is_moved_ahead_and_back(api: Api) -> None:
    one, two, three = [(await enqueue(api.client))["id"] for _ in range(3)]
    ahead = await api.client.patch(f"/v1/jobs/{three}", json={"priority": 9})
    assert (ahead.status_code, ahead.json()["priority"], ahead.json()["status"]) == (200, 9, "queued")
    assert await line(api.dependencies) == [three, one, two]
    await api.client.patch(f"/v1/jobs/{one}", json={"priority": 0})
    assert await line(api.dependencies) == [three, two, one]
    for _ in range(2):
        await api.client.patch(f"/v1/jobs/{three}", json={"priority": 5})
    assert await line(api.dependencies) == [two, three, one]
    assert (await api.client.get(f"/v1/jobs/{one}")).json()["priority"] == 0


async def test_what_does_not_wait_is_not_moved(api: Api, database: Database) -> None:
    running, ended = [(await enqueue(api.client))["id"] for _ in range(2)]
    await claim(database, running)
    await fail(database, ended)
    for job_id, words in ((running, "is running"), (ended, "ended as failed")):
        said = problem(
            await api.client.patch(f"/v1/jobs/{job_id}", json={"priority": 9}), 409, ErrorType.JOB_NOT_QUEUED
        )
        assert said["detail"].startswith(f"the job {words};")


@pytest.mark.parametrize(
    "body", [{}, {"priority": 10}, {"priority": -1}, {"priority": None}, {"prio": 3}, []]
)
async def test_wrong_wishes_are_refused_in_words(api: Api, body: object) -> None:
    job_id = (await enqueue(api.client))["id"]
    problem(await api.client.patch(f"/v1/jobs/{job_id}", json=body), 422, ErrorType.INVALID_REQUEST)


async def test_nobody_moves_another_tenants_job_nor_with_a_key_that_only_reads(
    api: Api, database: Database
) -> None:
    job_id = (await enqueue(api.client))["id"]
    async with database.connection() as connection:
        stranger, reader = [
            await create_key(connection, tenant_name=name, key_name="k", scopes=frozenset({scope}))
            for name, scope in (("others", Scope.RENDER), ("tests", Scope.READ))
        ]
    for key, status, type_ in ((stranger, 404, ErrorType.NOT_FOUND), (reader, 403, ErrorType.FORBIDDEN)):
        answer = await api.client.patch(
            f"/v1/jobs/{job_id}", json={"priority": 9}, headers={"Authorization": f"Bearer {key}"}
        )
        problem(answer, status, type_)


async def test_without_redis_the_priority_is_stored(serve: Serve, dead_port: int, redis: ArqRedis) -> None:
    async with serve(REDIS_URL=f"redis://127.0.0.1:{dead_port}/0") as away:
        job_id = (await enqueue(away.client))["id"]
        answer = await away.client.patch(f"/v1/jobs/{job_id}", json={"priority": 7})
    assert (answer.status_code, answer.json()["priority"]) == (200, 7)
    assert await next_entries(redis, 10) == []
