"""The pages of tenants and keys, which operators alone see."""

import re
from uuid import UUID

import pytest

from fleet.artifacts.settings import StorageSettings
from fleet.artifacts.store import Artifacts
from fleet.tenants.api_keys import create_key
from fleet.tenants.tenant import Scope
from tests.ui.kit.dashboard import Dashboard
from worker.maintenance.tenant_eraser import TenantEraser

PATH = "/ui/tenants"
FORM = {"Sec-Fetch-Site": "same-origin"}


async def test_an_operator_makes_a_tenant_gives_it_a_key_and_takes_it_away(full: Dashboard) -> None:
    async with full.visit(java_script_enabled=False) as visit:
        page = visit.page
        await visit.open(PATH)
        await page.fill("#name", "at its limits")
        await page.get_by_role("button", name="Make a tenant").click()
        assert "there is a tenant with this name already" in await visit.text()
        await page.fill("#name", "newcomer & <co>")
        await page.get_by_role("button", name="Make a tenant").click()
        assert "Nobody can call the API as this tenant." in await visit.text()
        tenant_id = page.url.rpartition("/")[2]
        await page.fill("#key-name", "shop")
        await page.fill("#key-days", "30")
        await page.check("[name=scopes][value=links]")
        await page.get_by_role("button", name="Make a key").click()
        key = await page.locator(".copied code").inner_text()
        me = await full.client.get("/v1/me", headers={"Authorization": f"Bearer {key}"})
        assert me.json()["tenant"]["id"] == tenant_id
        assert (me.json()["key"]["name"], me.json()["key"]["scopes"]) == ("shop", ["links", "read", "render"])
        await page.get_by_role("link", name="To the tenant").click()
        assert key not in await page.content()
        assert re.search(r"in (30|29) d", await visit.text())
        await page.get_by_role("button", name="Revoke").click()
        assert "The key is revoked." in await visit.text()
        assert await page.get_by_role("button", name="Revoke").count() == 0
        refused = await full.client.get("/v1/me", headers={"Authorization": f"Bearer {key}"})
        assert refused.status_code == 401


async def test_limits_are_changed_and_what_is_emptied_takes_the_setting_again(full: Dashboard) -> None:
    limits = {"name": "limited", "max_running": 4, "weight": 2}
    made = await full.client.post("/v1/admin/tenants", json=limits)
    tenant_id = made.json()["id"]
    async with full.visit(java_script_enabled=False) as visit:
        page = visit.page
        await visit.open(f"{PATH}/{tenant_id}")
        await page.locator("#limits > summary").click()
        assert await page.input_value("#option-max_running") == "4"
        assert await page.input_value("#option-weight") == "2"
        await page.fill("#option-max_queued", "-1")
        await page.fill("#option-egress_allow", "10.1.0.0/16\nnowhere")
        await page.get_by_role("button", name="Change the limits").click()
        assert await page.locator("#option-egress_allow").get_attribute("aria-invalid") == "true"
        await page.fill("#option-max_running", "")
        await page.fill("#option-max_queued", "0")
        await page.fill("#option-egress_allow", "10.1.0.0/16\n192.0.2.7:8443")
        await page.get_by_role("button", name="Change the limits").click()
        assert "The limits are changed." in await visit.text()
        await page.locator("#limits > summary").click()
        assert await page.input_value("#option-max_queued") == "0"
    changed = (await full.client.get(f"/v1/admin/tenants/{tenant_id}")).json()
    assert (changed["max_running"], changed["max_queued"], changed["weight"]) == (None, 0, 2.0)
    assert changed["egress_allow"] == ["10.1.0.0/16", "192.0.2.7:8443"]


async def erase_as_workers_do(dashboard: Dashboard) -> None:
    store = Artifacts(StorageSettings(s3_endpoint_url=dashboard.stage.engines.s3_endpoint_url))
    await TenantEraser(dashboard.stage.database, dashboard.stage.redis, store).erase()
    store.close()


async def test_a_tenant_is_erased_only_if_its_name_is_typed(full: Dashboard) -> None:
    """Without script, from the button to the end of it."""
    made = (await full.client.post("/v1/admin/tenants", json={"name": "to <be> erased"})).json()
    path = f"{PATH}/{made['id']}"
    database = full.stage.database
    async with full.visit(java_script_enabled=False) as visit:
        page = visit.page
        await visit.open(path)
        await page.get_by_role("link", name="Erase this tenant").click()
        await page.fill("#name", "to be erased")
        await page.get_by_role("button", name="Erase it with all its data").click()
        assert "This is not the name of the tenant. Nothing was done." in await visit.text()
        assert (await full.client.get(f"/v1/admin/tenants/{made['id']}/erasure")).status_code == 404
        await page.fill("#name", "to <be> erased")
        await page.get_by_role("button", name="Erase it with all its data").click()
        assert "being erased" in await visit.text()
        assert page.url.endswith("/erasure")
        await visit.open(path)
        assert await page.get_by_role("link", name="Erase this tenant").count() == 0
        await page.get_by_role("link", name="See how far").click()
        await erase_as_workers_do(full)
        await visit.open(f"{path}/erasure")
        assert await page.locator("[aria-current=step]").inner_text() == (
            "now: Nothing is left. For an hour after the request workers look again whether something "
            "comes that was under way."
        )
        await database.execute(
            "UPDATE tenant_erasures SET requested_at = now() - interval '2 h', next_step_at = now() "
            "WHERE tenant_id = $1",
            UUID(made["id"]),
        )
        await erase_as_workers_do(full)
        await visit.open(f"{path}/erasure")
        assert "and the tenant itself is gone." in await visit.text()
        assert await page.locator("main .badge").inner_text() == "erased"


async def test_nobody_erases_the_tenant_that_he_is_signed_in_with(full: Dashboard) -> None:
    me = (await full.client.get("/v1/me")).json()["tenant"]
    async with full.visit(java_script_enabled=False) as visit:
        await visit.open(f"{PATH}/{me['id']}/erase")
        await visit.page.fill("#name", me["name"])
        await visit.page.get_by_role("button", name="Erase it with all its data").click()
        assert "You are signed in with a key of this tenant." in await visit.text()
    assert (await full.client.get("/v1/me")).status_code == 200


async def test_use_is_shown_against_limits(full: Dashboard) -> None:
    async with full.visit(java_script_enabled=False) as visit:
        await visit.open(PATH)
        row = visit.page.locator("tr", has_text="at its limits")
        assert "3 of 3" in await row.inner_text()
        assert await row.locator(".bar.bad").count() == 1


async def test_a_key_without_scopes_is_refused_in_words(full: Dashboard) -> None:
    async with full.visit() as visit:
        posted = await visit.context.request.post(
            f"{PATH}/{full.filled['tenant_id']}/keys", form={"name": "none", "days": "x"}, headers=FORM
        )
        assert posted.status == 422
        assert "fields are not valid" in await posted.text()


@pytest.mark.parametrize("scope", [Scope.RENDER, Scope.READ])
async def test_nobody_but_operators_sees_them(full: Dashboard, scope: Scope) -> None:
    async with full.stage.database.connection() as connection:
        key = await create_key(
            connection, tenant_name="tests", key_name="usual", scopes=frozenset({scope, Scope.READ})
        )
    tenant_id = full.filled["tenant_id"]
    async with full.visit(key=key) as visit:
        await visit.open("/ui/webhooks")
        assert await visit.page.locator(f"nav a[href='{PATH}']").count() == 0
        for path in (PATH, f"{PATH}/{tenant_id}"):
            assert (await visit.context.request.get(path)).status == 403
        for path in (
            PATH,
            f"{PATH}/{tenant_id}/limits",
            f"{PATH}/{tenant_id}/keys",
            f"{PATH}/{tenant_id}/erase",
        ):
            posted = await visit.context.request.post(path, form={"name": "mine"}, headers=FORM)
            assert posted.status == 403
