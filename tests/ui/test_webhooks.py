"""The pages of webhooks: what people see of messages, and what they can do about them."""

import re
from collections.abc import AsyncIterator
from uuid import UUID

import pytest_asyncio
from playwright.async_api import APIResponse

from fleet.tenants.api_keys import create_key
from fleet.tenants.tenant import Scope
from tests.ui.filling.webhooks import BUSY, FAILING, GONE, MANY
from tests.ui.kit.dashboard import Dashboard, Visit

PATH = "/ui/webhooks"
FORM = {"Sec-Fetch-Site": "same-origin"}


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def reader_key(full: Dashboard) -> str:
    async with full.stage.database.connection() as connection:
        return await create_key(
            connection, tenant_name="tests", key_name="reads", scopes=frozenset({Scope.READ})
        )


@pytest_asyncio.fixture(loop_scope="session")
async def visit(full: Dashboard) -> AsyncIterator[Visit]:
    async with full.visit(java_script_enabled=False) as opened:
        yield opened


async def post(visit: Visit, path: str, url: str = "") -> APIResponse:
    return await visit.context.request.post(path, form={"url": url}, headers=FORM, max_redirects=0)


async def rows(visit: Visit) -> list[str]:
    return await visit.page.locator("tbody tr").all_inner_texts()


async def test_the_list_says_how_well_each_receives(visit: Visit) -> None:
    await visit.open(PATH)
    told = {row.split()[0]: " ".join(row.split()) for row in await rows(visit)}
    assert "0 % of 7" in told[FAILING]
    assert "http status" in told[FAILING]
    # Of the newest 200: two wait, and each tenth of the others has failed.
    assert "90.9 % of 198" in told[BUSY]
    assert "1 of them not taken yet, tried again" in told[BUSY]
    assert "disabled" in told[GONE]
    assert "no message yet" in told[GONE]


async def test_thousands_of_messages_are_read_page_by_page(full: Dashboard, visit: Visit) -> None:
    await visit.open(f"{PATH}/{full.filled['webhook_id']}?state=failed")
    seen: list[str] = []
    while True:
        seen += await visit.page.locator("tbody tr").evaluate_all("(rows) => rows.map((row) => row.id)")
        assert {"failed"} == {
            await badge.inner_text() for badge in await visit.page.locator("tbody .badge").all()
        }
        if not await visit.follow("Older messages"):
            break
    assert len(seen) == len(set(seen)) == MANY // 10 - MANY // 100


async def test_a_message_shows_what_is_sent_and_is_sent_again(full: Dashboard, visit: Visit) -> None:
    webhook_id, delivery_id = full.filled["webhook_id"], full.filled["delivery_id"]
    path = f"{PATH}/{webhook_id}/messages/{delivery_id}"
    await visit.open(path)
    text = await visit.text()
    assert f"webhook-id: {delivery_id}" in text
    assert '"type": "job.cancelled"' in text
    assert f"POST {BUSY}\n" in text
    database = full.stage.database
    await database.execute(
        "UPDATE webhook_outbox SET state = 'failed', ended_at = now() WHERE id = $1", UUID(delivery_id)
    )
    await visit.page.get_by_role("button", name="Send it again").click()
    assert "The message is sent again." in await visit.text()
    state = await database.fetchval("SELECT state FROM webhook_outbox WHERE id = $1", UUID(delivery_id))
    assert state == "pending"


async def test_a_webhook_is_registered_rotated_and_deleted(full: Dashboard, visit: Visit) -> None:
    await visit.open(PATH)
    await visit.page.fill("#url", "ftp://example.com/")
    await visit.page.get_by_role("button", name="Register").click()
    assert await visit.page.locator("#url[aria-invalid]").input_value() == "ftp://example.com/"
    await visit.page.fill("#url", "https://example.com/hooks/new")
    await visit.page.get_by_role("button", name="Register").click()
    first = await visit.page.locator(".copied code").inner_text()
    await visit.page.get_by_role("link", name="To the webhook").click()
    webhook_id = visit.page.url.rpartition("/")[2]
    known = (await full.client.get(f"/v1/webhooks/{webhook_id}")).json()
    assert known["secret"] == first
    assert first not in await visit.page.content()
    await visit.page.get_by_role("button", name="New secret").click()
    assert await visit.page.locator(".copied code").inner_text() != first
    shown = await post(visit, f"{PATH}/{webhook_id}/secret")
    assert shown.headers["cache-control"] == "no-store"
    assert (await full.client.get(f"/v1/webhooks/{webhook_id}")).json()["secret"] in await shown.text()
    await visit.open(f"{PATH}/{webhook_id}")
    await visit.page.get_by_role("button", name="Send a test").click()
    assert '"type": "webhook.test"' in await visit.text()
    assert "The test is sent." in await visit.text()
    await visit.open(f"{PATH}/{webhook_id}")
    assert "a test" in (await rows(visit))[0]
    await visit.page.get_by_role("button", name="Delete").click()
    assert "The webhook is deleted." in await visit.text()
    assert (await full.client.get(f"/v1/webhooks/{webhook_id}")).status_code == 404


async def test_who_may_only_read_sees_no_secret_and_no_button(full: Dashboard, reader_key: str) -> None:
    webhook_id, delivery_id = full.filled["webhook_id"], full.filled["delivery_id"]
    paths = [PATH, f"{PATH}/{webhook_id}", f"{PATH}/{webhook_id}/messages/{delivery_id}"]
    forms = [
        PATH,
        *(f"{paths[1]}/{word}" for word in ("secret", "rotate", "test", "delete")),
        f"{paths[2]}/redeliver",
    ]
    async with full.visit(key=reader_key, java_script_enabled=False) as visit:
        for path in paths:
            await visit.open(path)
            sent = re.findall(
                r'method="post" action="([^"]*)"', await visit.page.locator("main").inner_html()
            )
            assert sent == []
        for path in forms:
            assert (await post(visit, path, url="https://example.com/x")).status == 403, path


async def test_another_tenants_webhook_is_unknown(full: Dashboard) -> None:
    async with full.stage.database.connection() as connection:
        key = await create_key(
            connection, tenant_name="others", key_name="k", scopes=frozenset({Scope.RENDER, Scope.READ})
        )
    webhook_id, delivery_id = full.filled["webhook_id"], full.filled["delivery_id"]
    async with full.visit(key=key) as visit:
        for path in (f"{PATH}/{webhook_id}", f"{PATH}/{webhook_id}/messages/{delivery_id}", f"{PATH}/x"):
            assert (await visit.context.request.get(path)).status == 404
        for word in ("secret", "rotate", "test", "delete", f"messages/{delivery_id}/redeliver"):
            assert (await post(visit, f"{PATH}/{webhook_id}/{word}")).status == 404
        answer = await visit.context.request.get(f"{PATH}/{webhook_id}?cursor=x")
        assert answer.status == 404
    async with full.visit() as own:
        for cursor in ("x", "1_x", "9" * 40 + "_" + webhook_id):
            answer = await own.context.request.get(f"{PATH}/{webhook_id}?cursor={cursor}")
            assert answer.status == 422, cursor
