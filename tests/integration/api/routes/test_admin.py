"""The operator's calls for tenants and keys: who may make them, what they change, and when it holds."""

import asyncio
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from fleet.database import Database
from fleet.errors import ErrorType
from fleet.tenants.api_keys import create_key
from fleet.tenants.tenant import Scope
from tests.integration.api.conftest import Api, Serve
from tests.kit.api.calls import REQUEST, claim, enqueue, problem

TENANTS, KEYS = "/v1/admin/tenants", "/v1/admin/keys"


@pytest.fixture
def operator(api: Api) -> httpx.AsyncClient:
    """The client of the tests, whose key has every scope."""
    return api.client


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


async def make_tenant(operator: httpx.AsyncClient, name: str = "acme", **limits: object) -> dict[str, Any]:
    answer = await operator.post(TENANTS, json={"name": name, **limits})
    assert answer.status_code == 201, answer.text
    document: dict[str, Any] = answer.json()
    assert answer.headers["location"] == document["links"]["self"] == f"{TENANTS}/{document['id']}"
    return document


async def make_key(operator: httpx.AsyncClient, tenant_id: str, **wanted: object) -> dict[str, Any]:
    answer = await operator.post(KEYS, json={"tenant_id": tenant_id, **wanted})
    assert answer.status_code == 201, answer.text
    assert answer.headers["cache-control"] == "no-store"
    document: dict[str, Any] = answer.json()
    assert answer.headers["location"] == f"{KEYS}/{document['id']}"
    return document


async def revoke(operator: httpx.AsyncClient, key_id: str) -> httpx.Response:
    return await operator.delete(f"{KEYS}/{key_id}")


async def test_only_the_scope_admin_may(api: Api, database: Database) -> None:
    async with database.connection() as connection:
        key = await create_key(
            connection, tenant_name="tests", key_name="k", scopes=frozenset(Scope) - {Scope.ADMIN}
        )
    for method, path in (
        ("POST", TENANTS),
        ("GET", TENANTS),
        ("GET", f"{TENANTS}/{uuid4()}"),
        ("PATCH", f"{TENANTS}/{uuid4()}"),
        ("POST", KEYS),
        ("GET", KEYS),
        ("GET", f"{KEYS}/0123456789ab"),
        ("DELETE", f"{KEYS}/0123456789ab"),
    ):
        refused = await api.client.request(method, path, headers=bearer(key), json={})
        assert "admin" in problem(refused, 403, ErrorType.FORBIDDEN)["detail"], (method, path)


async def test_a_tenant_is_made_read_listed_and_changed(operator: httpx.AsyncClient) -> None:
    made = await make_tenant(operator, weight=2.5, egress_allow=["10.1.0.0/16"])
    assert (made["name"], made["weight"], made["max_queued"]) == ("acme", 2.5, None)
    assert (made["egress_allow"], made["renders_this_month"]) == (["10.1.0.0/16"], 0)
    path = made["links"]["self"]
    changes = {"max_queued": 0, "max_requests_per_s": 0.5, "max_renders_per_month": 7, "weight": None}
    changed = (await operator.patch(path, json=changes)).json()
    assert changed == made | changes | {"weight": 1.0}
    assert (await operator.get(path)).json() == changed
    back = (await operator.patch(path, json={"max_queued": None, "egress_allow": None})).json()
    assert (back["max_queued"], back["egress_allow"], back["max_renders_per_month"]) == (None, [], 7)
    problem(await operator.post(TENANTS, json={"name": "acme"}), 409, ErrorType.TENANT_EXISTS)


async def test_lists_go_on_where_the_page_before_them_ended(operator: httpx.AsyncClient) -> None:
    made = [await make_tenant(operator, f"t{number}") for number in range(3)]
    keys = [await make_key(operator, made[0]["id"]) for _ in range(3)]
    for path, field, expected in (
        (f"{TENANTS}?", "tenants", [tenant["id"] for tenant in reversed(made)]),
        (f"{KEYS}?tenant_id={made[0]['id']}&", "keys", [key["id"] for key in reversed(keys)]),
    ):
        first = (await operator.get(f"{path}limit=2")).json()
        rest = (await operator.get(f"{path}limit=2&cursor={first['next_cursor']}")).json()
        assert [one["id"] for one in first[field] + rest[field]][:3] == expected
        assert rest["next_cursor"] is None
    everybodys = (await operator.get(KEYS)).json()["keys"]
    assert {key["tenant_name"] for key in everybodys} == {"t0", "tests"}


async def test_what_makes_no_sense_is_refused_field_by_field(operator: httpx.AsyncClient) -> None:
    tenant = await make_tenant(operator)
    for changes, field in (
        ({"weight": 0}, "weight"),
        ({"max_running": 0}, "max_running"),
        ({"max_requests_per_s": 0}, "max_requests_per_s"),
        ({"burst": 0}, "burst"),
        ({"max_renders_per_month": -1}, "max_renders_per_month"),
        ({"egress_allow": ["example.com"]}, "egress_allow"),
        ({"egress_deny": ["two words"]}, "egress_deny"),
        ({"name": "other"}, "name"),
        ({}, None),
    ):
        refused = await operator.patch(tenant["links"]["self"], json=changes)
        assert problem(refused, 422, ErrorType.INVALID_REQUEST)["errors"][0]["field"] == field
    keys: list[dict[str, object]] = [
        {"scopes": []},
        {"scopes": ["root"]},
        {"expires_in_s": 0},
        {"name": "a\nb"},
    ]
    for wanted in keys:
        refused = await operator.post(KEYS, json={"tenant_id": tenant["id"], **wanted})
        problem(refused, 422, ErrorType.INVALID_REQUEST)
    problem(await operator.get(f"{KEYS}?cursor=x"), 422, ErrorType.INVALID_REQUEST)
    problem(await operator.get(f"{TENANTS}?cursor=x"), 422, ErrorType.INVALID_REQUEST)


async def test_what_is_not_there_is_not_found(operator: httpx.AsyncClient) -> None:
    for path in (f"{TENANTS}/{uuid4()}", f"{TENANTS}/x", f"{KEYS}/0123456789ab", f"{KEYS}/x"):
        problem(await operator.get(path), 404, ErrorType.NOT_FOUND)
    problem(await operator.patch(f"{TENANTS}/{uuid4()}", json={"weight": 2}), 404, ErrorType.NOT_FOUND)
    problem(await revoke(operator, "0123456789ab"), 404, ErrorType.NOT_FOUND)
    problem(await operator.post(KEYS, json={"tenant_id": str(uuid4())}), 404, ErrorType.NOT_FOUND)


async def test_a_key_is_shown_once_works_and_is_revoked_at_once(operator: httpx.AsyncClient) -> None:
    tenant = await make_tenant(operator)
    made = await make_key(operator, tenant["id"], name="shop", scopes=["read"])
    headers = bearer(made["key"])
    assert (await operator.get("/v1/jobs", headers=headers)).status_code == 200
    problem(await operator.post("/v1/jobs", json=REQUEST, headers=headers), 403, ErrorType.FORBIDDEN)
    read = (await operator.get(f"{KEYS}/{made['id']}")).json()
    assert (read["name"], read["scopes"], read["revoked_at"]) == ("shop", ["read"], None)
    assert read["last_used_at"] is not None
    listed = await operator.get(KEYS)
    for text in (str(read), listed.text):
        assert made["key"].split("_", 2)[2] not in text
    revoked = (await revoke(operator, made["id"])).json()
    assert revoked["revoked_at"] is not None
    problem(await operator.get("/v1/jobs", headers=headers), 401, ErrorType.UNAUTHORIZED)
    assert (await revoke(operator, made["id"])).json() == revoked, "revoking again changes nothing"


async def test_other_processes_follow_a_revocation_when_they_have_forgotten_the_key(serve: Serve) -> None:
    async with serve(API_KEY_CACHE_S=0.5) as here, serve(API_KEY_CACHE_S=0.5) as there:
        made = await make_key(here.client, (await make_tenant(here.client))["id"])
        headers = bearer(made["key"])
        assert (await there.client.get("/v1/jobs", headers=headers)).status_code == 200
        await revoke(here.client, made["id"])
        assert (await here.client.get("/v1/jobs", headers=headers)).status_code == 401
        async with asyncio.timeout(8):  # the default would take longer
            while (await there.client.get("/v1/jobs", headers=headers)).status_code != 401:  # noqa: ASYNC110
                await asyncio.sleep(0.05)  # forgetting is not announced


async def test_an_expired_key_is_nobodys(api: Api, database: Database) -> None:
    made = await make_key(api.client, (await make_tenant(api.client))["id"], expires_in_s=3600)
    assert made["expires_at"] is not None
    await database.execute("UPDATE api_keys SET expires_at = now() WHERE id = $1", made["id"])
    refused = await api.client.get("/v1/jobs", headers=bearer(made["key"]))
    problem(refused, 401, ErrorType.UNAUTHORIZED)


async def test_the_last_admin_key_stays(
    api: Api, tenant_key: str, tenant_id: UUID, database: Database
) -> None:
    own = tenant_key.split("_")[1]
    other = await make_key(api.client, str(tenant_id), scopes=["admin"])
    # One that has expired opens no door any more.
    expired = await make_key(api.client, str(tenant_id), scopes=["admin"], expires_in_s=60)
    await database.execute("UPDATE api_keys SET expires_at = now() WHERE id = $1", expired["id"])
    both = await asyncio.gather(
        revoke(api.client, own), api.client.delete(f"{KEYS}/{other['id']}", headers=bearer(other["key"]))
    )
    assert sorted(answer.status_code for answer in both) in ([200, 401], [200, 409])
    left = await database.fetch(
        "SELECT id FROM api_keys WHERE revoked_at IS NULL AND 'admin' = ANY(scopes) AND expires_at IS NULL"
    )
    assert len(left) == 1
    headers = bearer(tenant_key if left[0]["id"] == own else other["key"])
    refused = await api.client.delete(f"{KEYS}/{left[0]['id']}", headers=headers)
    assert "fleet.keys" in problem(refused, 409, ErrorType.LAST_ADMIN_KEY)["detail"]


async def test_addresses_are_a_tenants_own(api: Api, database: Database, tenant_id: UUID) -> None:
    """Opened for one tenant, closed for the other, and told to the worker with the job."""
    inside, outside = {"url": "http://127.0.0.1:9/"}, {"url": "https://example.com/"}
    other = await make_key(api.client, (await make_tenant(api.client))["id"])
    problem(await api.client.post("/v1/jobs", json=inside), 422, ErrorType.URL_BLOCKED)
    changes = {"egress_allow": ["127.0.0.1:9"], "egress_deny": ["example.com"]}
    answer = await api.client.patch(f"{TENANTS}/{tenant_id}", json=changes)
    assert answer.status_code == 200, answer.text
    job = (await api.client.post("/v1/jobs", json=inside)).json()
    attempt = await claim(database, job["id"])
    assert (attempt.egress_allow, attempt.egress_deny) == (("127.0.0.1:9",), ("example.com",))
    for path, body in (
        ("/v1/jobs", outside),
        ("/v1/schedules", {"cron": "@daily", "job": outside}),
        ("/v1/webhooks", outside),
    ):
        problem(await api.client.post(path, json=body), 422, ErrorType.URL_BLOCKED)
    batch = (await api.client.post("/v1/jobs/batch", json={"jobs": [inside, outside]})).json()
    assert [item["status"] for item in batch["jobs"]] == [202, 422]
    headers = bearer(other["key"])
    problem(await api.client.post("/v1/jobs", json=inside, headers=headers), 422, ErrorType.URL_BLOCKED)
    assert (await api.client.post("/v1/jobs", json=outside, headers=headers)).status_code == 202


async def test_limits_hold_at_once_and_renders_are_counted(api: Api, tenant_id: UUID) -> None:
    await enqueue(api.client)
    document = (await api.client.patch(f"{TENANTS}/{tenant_id}", json={"max_renders_per_month": 1})).json()
    assert document["renders_this_month"] == 1
    problem(await api.client.post("/v1/jobs", json=REQUEST), 429, ErrorType.QUOTA_EXCEEDED)
