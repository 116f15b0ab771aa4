"""What a caller learns of itself."""

from uuid import UUID

import pytest

from fleet.database import Database
from fleet.errors import ErrorType
from fleet.tenants.api_keys import create_key
from fleet.tenants.tenant import Scope
from tests.integration.api.conftest import Api, Serve
from tests.kit.api.calls import claim, enqueue, problem


async def test_a_caller_learns_its_tenant_its_key_and_what_it_has_used(
    api: Api, database: Database, tenant_id: UUID, tenant_key: str
) -> None:
    before = (await api.client.get("/v1/me")).json()
    assert before["tenant"] == {"id": str(tenant_id), "name": "tests", "weight": 1.0}
    assert before["key"]["id"] == tenant_key.split("_")[1]
    assert (before["key"]["scopes"], before["key"]["expires_at"]) == (sorted(Scope), None)
    assert before["use"] == {"queued": 0, "running": 0, "renders_this_month": 0}
    running = await enqueue(api.client)
    await enqueue(api.client)
    await enqueue(api.client)
    await claim(database, running["id"])
    answer = await api.client.get("/v1/me")
    assert answer.json()["use"] == {"queued": 2, "running": 1, "renders_this_month": 3}
    assert tenant_key.split("_", 2)[2] not in answer.text
    assert answer.headers["cache-control"] == "no-store"


async def test_the_limits_are_those_that_apply(serve: Serve, tenant_id: UUID) -> None:
    settings = {"TENANT_MAX_QUEUED": 0, "TENANT_MAX_RUNNING": 7, "TENANT_MAX_REQUESTS_PER_S": 50}
    async with serve(**settings) as api:
        assert (await api.client.get("/v1/me")).json()["limits"] == {
            "max_requests_per_s": 50.0,
            "burst": 100,
            "max_queued": None,
            "max_running": 7,
            "max_renders_per_month": None,
        }
        own = {
            "max_requests_per_s": 20.0,
            "burst": 30,
            "max_queued": 0,
            "max_running": 2,
            "max_renders_per_month": 9,
        }
        await api.client.patch(f"/v1/admin/tenants/{tenant_id}", json=own)
        answer = await api.client.get("/v1/me")
        assert answer.json()["limits"] == own
        assert answer.headers["ratelimit-policy"] == '"default";q=30;w=2'


@pytest.mark.parametrize("scope", Scope)
async def test_any_working_key_may_ask_whatever_its_scope(api: Api, database: Database, scope: Scope) -> None:
    async with database.connection() as connection:
        key = await create_key(connection, tenant_name="acme", key_name="one", scopes=frozenset({scope}))
    headers = {"Authorization": f"Bearer {key}"}
    me = (await api.client.get("/v1/me", headers=headers)).json()
    assert (me["tenant"]["name"], me["key"]["name"], me["key"]["scopes"]) == ("acme", "one", [scope])
    if scope is Scope.LINKS:
        await api.client.delete(f"/v1/admin/keys/{me['key']['id']}")
        problem(await api.client.get("/v1/me", headers=headers), 401, ErrorType.UNAUTHORIZED)
