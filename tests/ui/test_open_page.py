"""What a person notices while a page is open: news, outages, the end of the session."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import httpx
import pytest

from fleet.queue.announcements import announce_change
from fleet.tenants.api_keys import create_key, revoke
from fleet.tenants.tenant import Scope
from fleet.workers import pause, registry
from fleet.workers.registry import WorkerReport
from fleet.workers.vitals import Vitals
from tests.kit.patience import PATIENCE_S
from tests.kit.processes import free_port
from tests.kit.servers.tcp_forwarder import forwarded
from tests.ui.kit.another_api import another_api
from tests.ui.kit.dashboard import Dashboard, Visit, until_not_told, until_told

HIDE = """(isHidden) => {
  Object.defineProperty(document, "hidden", {value: Boolean(isHidden), configurable: true});
  document.dispatchEvent(new Event("visibilitychange"));
}"""


@asynccontextmanager
async def paused(dashboard: Dashboard, reason: str) -> AsyncIterator[None]:
    """A pause that somebody else has made."""
    database = dashboard.stage.database
    await pause.pause(database, reason=reason)
    await announce_change(dashboard.stage.redis, uuid4())
    try:
        yield
    finally:
        await pause.resume(database)


async def test_news_comes_without_a_reload_and_takes_nothing_away(full: Dashboard) -> None:
    async with full.visit() as visit:
        await visit.open("/ui/fleet")
        await visit.page.get_by_text("Pause the fleet").click()
        await visit.page.get_by_label("Reason").fill("half a sen")
        row = visit.page.get_by_role("link", name="render-0")
        await row.focus()
        await visit.page.evaluate("document.body.dataset.mark = 'the same page'")
        async with paused(full, "somebody else's"):
            await until_told(visit, "somebody else's")
            assert await visit.page.get_by_label("Reason").input_value() == "half a sen"
            assert await row.evaluate("(link) => link === document.activeElement")
        await announce_change(full.stage.redis, uuid4())
        await until_not_told(visit, "somebody else's")
        assert await visit.page.evaluate("document.body.dataset.mark") == "the same page"
        assert visit.complaints == []


async def test_a_hidden_tab_asks_for_nothing(full: Dashboard) -> None:
    async with full.visit() as visit:
        await visit.open("/ui/fleet")
        await visit.page.evaluate(HIDE, 1)
        asked: list[str] = []
        visit.page.on("request", lambda request: asked.append(request.url))
        async with full.visit() as other, paused(full, "while hidden"):
            await other.open("/ui/fleet")
            await other.page.evaluate("htmx.trigger(document.querySelector('[data-live]'), 'changed')")
            await until_told(other, "while hidden")
            assert asked == []
            await visit.page.evaluate(HIDE, 0)
            await until_told(visit, "while hidden")


async def test_where_the_stream_is_refused_the_page_asks_every_ten_seconds(full: Dashboard) -> None:
    async with full.visit() as visit:
        await visit.page.clock.install()
        await visit.page.route("**/ui/live", lambda route: route.fulfill(status=503, body="full"))
        async with visit.page.expect_response("**/ui/live"):
            await visit.open("/ui/fleet")
        await visit.page.wait_for_load_state("networkidle")
        async with paused(full, "without a stream"):
            assert "without a stream" not in await visit.text()
            await visit.page.clock.fast_forward(10_000)
            await until_told(visit, "without a stream")


async def test_a_revoked_key_leads_an_open_page_to_the_page_to_sign_in(full: Dashboard) -> None:
    async with full.stage.database.connection() as connection:
        key = await create_key(
            connection, tenant_name="tests", key_name="gone soon", scopes=frozenset({Scope.ADMIN})
        )
        async with full.visit(key=key) as visit:
            await visit.open("/ui/fleet")
            await revoke(connection, key.split("_")[1], spares_last_admin=True)
            await announce_change(full.stage.redis, uuid4())
            await visit.page.wait_for_url("**/ui/login")


async def test_the_api_may_be_restarted_under_an_open_page(full: Dashboard, tmp_path: Path) -> None:
    port = free_port()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        moved = replace(full, client=client)
        async with another_api(full, tmp_path / "first.log", port) as first, moved.visit() as visit:
            await visit.open("/ui/fleet")
            first.process.terminate()
            await first.ended()
            await until_told(visit, "The server does not answer.")
            async with another_api(full, tmp_path / "second.log", port):
                await until_not_told(visit, "The server does not answer.")
                async with paused(full, "after the restart"):
                    await until_told(visit, "after the restart")


async def test_while_postgres_is_away_the_page_says_so_and_comes_back(
    full: Dashboard, tmp_path: Path
) -> None:
    port = free_port()
    async with (
        forwarded(full.stage.database_url) as (forwarder, url),
        another_api(full, tmp_path / "api.log", port, DATABASE_URL=url, API_KEY_CACHE_S="60"),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
    ):
        moved = replace(full, client=client)
        async with moved.visit() as visit, moved.visit() as late:
            await visit.open("/ui/fleet")
            await forwarder.cut()
            await announce_change(full.stage.redis, uuid4())
            await until_told(visit, "The server cannot tell what is new")
            assert "render-0" in await visit.text()  # what was known stays
            answer = await late.page.goto("/ui/fleet")
            assert answer is not None
            assert answer.status == 503
            await until_told(late, "This page asks again by itself every 5 seconds.")
            await forwarder.resume()
            await late.page.get_by_role("heading", name="Workers").wait_for()
            await until_not_told(visit, "The server cannot tell what is new")


async def test_what_strangers_write_is_shown_and_not_run(full: Dashboard) -> None:
    mark = "<img src=x onerror=alert(1)>\"'><script>alert(2)</script>{{ 7*7 }}"
    worker = WorkerReport(
        id=uuid4(),
        hostname=mark,
        pid=1,
        slots=1,
        busy=0,
        browser_generation=1,
        browser_launched_at=None,
        vitals=Vitals(holds=[mark]),
    )
    await registry.report(full.stage.database, worker)
    try:
        async with paused(full, mark), full.visit() as visit:
            visit.page.on("dialog", lambda dialog: visit.complaints.append(dialog.message))
            for path in ("/ui/fleet", f"/ui/fleet/{worker.id}"):
                await visit.open(path)
                assert mark in await visit.text()
                assert await visit.page.locator("main img, main script").count() == 0
            assert visit.complaints == []
    finally:
        await registry.mark_stopped(full.stage.database, worker.id)


async def test_a_person_signs_in_with_the_address_of_make_run(full: Dashboard) -> None:
    async with full.visit(key="") as visit:
        await visit.open(f"/ui/login#{full.key}")
        await visit.page.wait_for_function("document.activeElement.tagName === 'BUTTON'")
        assert "#" not in visit.page.url
        await visit.page.keyboard.press("Enter")
        await visit.page.wait_for_url("**/ui/fleet")
        assert visit.complaints == []
        await visit.page.get_by_role("button", name="Sign out").click()
        await visit.page.wait_for_url("**/ui/login")
        assert await visit.findings() == []


@pytest.mark.parametrize("with_script", [True, False])
async def test_a_theme_is_kept_and_the_server_knows_it(full: Dashboard, *, with_script: bool) -> None:
    async with full.visit(java_script_enabled=with_script, color_scheme="light") as visit:
        await visit.open("/ui/fleet")
        await visit.page.get_by_label("Theme").select_option("dark")
        if not with_script:
            await visit.page.get_by_role("button", name="Use").click()
        await visit.page.locator("html[data-theme=dark]").wait_for(state="attached")
        await visit.open("/ui/login")
        assert await visit.page.get_attribute("html", "data-theme") == "dark"


async def test_the_fleet_is_paused_and_resumed_by_keyboard_alone(full: Dashboard) -> None:
    async with full.visit() as visit:
        page = visit.page
        await visit.open("/ui/fleet")
        await page.keyboard.press("?")
        await page.get_by_role("heading", name="Keys").wait_for()
        await page.keyboard.press("Escape")
        await page.keyboard.press("g")
        async with page.expect_navigation():
            await page.keyboard.press("f")
        await tab_to(visit, "Pause the fleet")
        await page.keyboard.press("Enter")
        await page.keyboard.press("Tab")
        await page.keyboard.type("new disk")
        await page.keyboard.press("Enter")
        await until_told(visit, "The fleet is paused: no worker begins another job.")
        assert (await pause.read(full.stage.database)).reason == "new disk"
        await tab_to(visit, "Resume")
        await page.keyboard.press("Enter")
        await until_told(visit, "The fleet works again.")
        assert (await pause.read(full.stage.database)).paused_at is None


async def tab_to(visit: Visit, words: str) -> None:
    """Press Tab until what has these words has the focus, and can be seen to have it."""
    async with asyncio.timeout(PATIENCE_S):
        while (await visit.page.evaluate("document.activeElement.textContent")).strip() != words:
            await visit.page.keyboard.press("Tab")
    outline = await visit.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
