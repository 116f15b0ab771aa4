"""API keys: who may call, with which scope, and that no key is ever written down."""

import json
from uuid import UUID, uuid4

import pytest

from fleet.database import Database
from fleet.errors import ErrorType
from fleet.tenants.api_keys import create_key
from fleet.tenants.tenant import Scope
from tests.integration.api.conftest import Api, Serve
from tests.kit.api.calls import REQUEST, enqueue, problem


async def key_of(database: Database, tenant: str, *scopes: Scope) -> dict[str, str]:
    async with database.connection() as connection:
        key = await create_key(
            connection, tenant_name=tenant, key_name=str(uuid4()), scopes=frozenset(scopes)
        )
    return {"Authorization": f"Bearer {key}"}


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Basic cmY6cmY=", "Bearer rf_0123456789ab_" + "A" * 43]
)
async def test_a_call_without_a_valid_key_is_unauthorized(api: Api, authorization: str) -> None:
    headers = {"Authorization": authorization}
    for answer in (
        await api.client.post("/v1/jobs", json=REQUEST, headers=headers),
        await api.client.get("/v1/jobs", headers=headers),
        await api.client.get(f"/v1/jobs/{uuid4()}/artifact", headers=headers),
    ):
        problem(answer, 401, ErrorType.UNAUTHORIZED)
        assert answer.headers["www-authenticate"] == "Bearer"


async def test_a_key_of_odd_bytes_is_unauthorized(api: Api) -> None:
    for odd in (b"Bearer \xe4\xff", b"Bearer ../../etc/passwd", b"Bearer " + b"k" * 20_000):
        answer = await api.client.get("/v1/jobs", headers=[(b"Authorization", odd)])
        problem(answer, 401, ErrorType.UNAUTHORIZED)


async def test_a_key_may_come_as_x_api_key(api: Api, tenant_key: str) -> None:
    del api.client.headers["Authorization"]
    problem(await api.client.get("/v1/jobs"), 401, ErrorType.UNAUTHORIZED)
    assert (await api.client.get("/v1/jobs", headers={"X-API-Key": tenant_key})).status_code == 200


async def test_a_reading_key_reads_and_does_not_render(api: Api, database: Database) -> None:
    document = await enqueue(api.client)
    reader = await key_of(database, "tests", Scope.READ)
    assert (await api.client.get(document["links"]["self"], headers=reader)).status_code == 200
    refused = await api.client.post("/v1/jobs", json=REQUEST, headers=reader)
    assert "render" in problem(refused, 403, ErrorType.FORBIDDEN)["detail"]


async def test_a_rendering_key_reads_too(api: Api, database: Database) -> None:
    renderer = await key_of(database, "tests", Scope.RENDER)
    assert (await api.client.get("/v1/jobs", headers=renderer)).status_code == 200


async def test_another_tenants_job_is_not_there(api: Api, database: Database) -> None:
    document = await enqueue(api.client)
    stranger = await key_of(database, "strangers", Scope.RENDER, Scope.READ)
    for path in (document["links"]["self"], f"{document['links']['self']}/artifact"):
        problem(await api.client.get(path, headers=stranger), 404, ErrorType.NOT_FOUND)
    assert (await api.client.get("/v1/jobs", headers=stranger)).json() == {"jobs": [], "next_cursor": None}


async def test_a_revoked_key_stops_working(serve: Serve, database: Database) -> None:
    async with serve(API_KEY_CACHE_S=0) as api:
        headers = await key_of(database, "tests", Scope.READ)
        assert (await api.client.get("/v1/jobs", headers=headers)).status_code == 200
        key_id = headers["Authorization"].split("_")[1]
        await database.execute("UPDATE api_keys SET revoked_at = now() WHERE id = $1", key_id)
        problem(await api.client.get("/v1/jobs", headers=headers), 401, ErrorType.UNAUTHORIZED)


async def test_a_remembered_key_costs_no_look_at_postgres(api: Api, database: Database) -> None:
    await api.client.get("/v1/jobs")
    await database.execute("UPDATE api_keys SET revoked_at = now()")
    assert (await api.client.get("/v1/jobs")).status_code == 200


async def test_the_line_of_a_call_names_tenant_and_key(
    serve: Serve, tenant_key: str, tenant_id: UUID, capfd: pytest.CaptureFixture[str]
) -> None:
    async with serve(LOG_FORMAT="json") as api:
        await api.client.get("/v1/jobs")
        await api.client.get("/v1/fleet?unknown=1")  # refused, but by then it is known who called
        await api.client.get("/v1/jobs", headers={"Authorization": "Bearer wrong"})
        await api.client.get("/livez")
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    calls = [line for line in lines if line["event"] == "call"][
        -4:
    ]  # it was asked before whether it is there
    ids = {"tenant_id": str(tenant_id), "key_id": tenant_key.split("_")[1]}
    assert [{name: line[name] for name in ids if name in line} for line in calls] == [ids, ids, {}, {}]
    assert all(line["request_id"] for line in calls)


async def test_keys_and_query_strings_are_not_logged(
    serve: Serve, tenant_key: str, capfd: pytest.CaptureFixture[str]
) -> None:
    async with serve(LOG_FORMAT="json", LOG_LEVEL="debug") as api:
        await api.client.get("/v1/jobs?stat=secret-in-query", headers={"Idempotency-Key": "secret-in-header"})
        await api.client.post("/v1/jobs?x=secret-in-query", json=REQUEST)
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines()]
    # The client of this test logs too, in the same process.
    log = json.dumps([line for line in lines if not line["logger"].startswith("http")])
    assert '"route": "/v1/jobs"' in log
    for secret in (tenant_key, tenant_key.split("_", 2)[2], "secret-in"):
        assert secret not in log
