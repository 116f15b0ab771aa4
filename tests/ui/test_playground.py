"""The playground: what people type becomes a job, a picture and code."""

import html
import json
import re
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from playwright.async_api import expect

from fleet.jobs.read import get
from fleet.tenants.api_keys import create_key
from fleet.tenants.tenant import Scope
from tests.kit.data.vaults import VAULT
from tests.kit.patience import PATIENCE_S
from tests.ui.kit.dashboard import Dashboard, Visit, until_told

PATH = "/ui/playground"
expect.set_options(timeout=PATIENCE_S * 1000)


async def request_of(dashboard: Dashboard, job_id: str) -> dict[str, object]:
    job = await get(dashboard.stage.database, job_id=UUID(job_id), tenant_id=dashboard.stage.tenant_id)
    assert job is not None
    return {**job.request, "sealed": job.sealed_fields}


async def fold_open(visit: Visit) -> None:
    await visit.page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")


async def picture_is_shown(visit: Visit) -> None:
    picture = visit.page.locator("#result .picture img")
    await picture.wait_for()
    assert await picture.evaluate("(image) => image.decode().then(() => image.naturalWidth)") > 0


async def test_people_try_options_and_see_what_comes_of_them(rendering: Dashboard) -> None:
    async with rendering.visit() as visit:
        page = visit.page
        await visit.open(PATH)
        await fold_open(visit)
        await page.fill("#option-html", "<title>Mine</title><h1>it's mine</h1>")
        await page.fill("[id='option-viewport.width']", "400")
        await page.press("[id='option-viewport.width']", "Control+Enter")
        await picture_is_shown(visit)
        await expect(page.locator("#result")).to_contain_text("400 \N{MULTIPLICATION SIGN} 720 px")
        # The form is as it was, also what is secret in a job.
        assert await page.input_value("#option-html") == "<title>Mine</title><h1>it's mine</h1>"
        await page.select_option("#option-format", "pdf")
        await expect(page.locator(".code-curl")).to_contain_text("/v1/pdf")
        await page.click("#render")
        await expect(page.locator("#result")).to_contain_text("1 page")
        tries = page.locator(".tries a")
        assert await tries.count() == 2
        await page.get_by_text("Python", exact=True).click()
        await expect(page.locator(".code-python")).to_be_visible()
        assert await visit.findings() == []
        assert visit.complaints == []
        # The first try again, with its form.
        await tries.nth(1).click()
        await picture_is_shown(visit)
        assert await page.input_value("[id='option-viewport.width']") == "400"
        assert await page.input_value("#option-format") == "png"
        await until_told(visit, "What was secret in the job's request is not shown again")


async def test_without_script_a_page_follows_that_shows_the_job_and_refreshes(rendering: Dashboard) -> None:
    async with rendering.visit(java_script_enabled=False) as visit:
        page = visit.page
        await visit.open(PATH)
        await page.get_by_text("Something other than an address").click()
        await page.fill("#option-markdown", "# Without script")
        await page.check("#option-full_page")
        await page.click("#render")
        job_id = page.url.partition("job=")[2].partition("&")[0]
        # Nobody presses anything: the page comes back by itself until there is something to see.
        await picture_is_shown(visit)
        assert await request_of(rendering, job_id) == {"full_page": True, "sealed": ["markdown"]}
        assert await page.is_checked("#option-full_page")
        assert await page.locator("meta[http-equiv=refresh]").count() == 0


async def test_errors_are_shown_at_their_field(full: Dashboard) -> None:
    async with full.visit() as visit:
        page = visit.page
        await visit.open(PATH)
        await fold_open(visit)
        await page.fill("#option-url", "https://example.com/")
        await page.fill("#option-quality", "500")
        await page.fill("#option-fail_on_status", "404\n9xx")
        await page.click("#render")
        await until_told(visit, "Wrong: ")
        quality = page.locator("#option-quality")
        assert await quality.get_attribute("aria-invalid") == "true"
        assert await quality.input_value() == "500"
        assert "100" in await page.inner_text("#wrong-quality")
        assert (await page.inner_text("#wrong-fail_on_status")).startswith("line 2: is no HTTP status")
        assert await page.locator("#option-url").get_attribute("aria-invalid") is None
        assert await page.evaluate("document.activeElement.id") == "option-quality"
        assert await visit.findings() == []
        await page.fill("#option-quality", "")
        await page.fill("#option-data", "{")
        await page.click("#render")
        await until_told(visit, "is not JSON")
        assert await page.locator("#wrong-quality").count() == 0
        assert visit.complaints == []
    async with full.visit(java_script_enabled=False) as visit:
        await visit.open(f"{PATH}?url=ftp://example.com/")
        await visit.page.click("#render")
        assert "http" in await visit.page.inner_text("#wrong-url")
        assert await visit.page.input_value("#option-url") == "ftp://example.com/"


async def test_what_an_address_fills_in_is_text_and_nothing_else(full: Dashboard) -> None:
    hostile = "https://example.com/\"><img src=x onerror=alert(1)>'</textarea><script>alert(2)</script>"
    async with full.visit() as visit:
        await visit.open(f"{PATH}?tries=x,%3Cb%3E&job=%22%3E&url={html.escape(hostile)}")
        await visit.page.fill("#option-url", hostile)
        await fold_open(visit)
        await visit.page.fill("#option-styles", hostile)
        await expect(visit.page.locator(".code-curl pre")).to_contain_text("alert(2)")
        assert await visit.page.locator("main script, main img").count() == 0
        assert visit.complaints == []


async def test_a_job_can_be_made_again_with_changes(full: Dashboard) -> None:
    body = {
        "url": "https://example.com/again",
        "headers": {"X-Secret": "s3cret"},
        "pdf": {"margin": {"top": "2cm"}, "attachments": []},
        "format": "pdf",
        "block_resources": ["image"],
        "run_at": (datetime.now(UTC) + timedelta(days=30)).isoformat(),
    }
    answer = await full.client.post("/v1/jobs", json=body)
    assert answer.status_code == 202, answer.text
    job = answer.json()
    async with full.visit() as visit:
        page = visit.page
        await visit.open(f"{PATH}?job={job['id']}")
        assert await page.input_value("#option-url") == "https://example.com/again"
        assert await page.input_value("[id='option-pdf.margin.top']") == "2cm"
        assert await page.is_checked("[name=block_resources][value=image]")
        text = await page.content()
        assert "s3cret" not in text
        await until_told(visit, "Give it once more if it is needed: headers")
        await page.fill("[id='option-pdf.margin.top']", "3cm")
        await page.click("#render")
        await expect(page.locator("#result .tries a")).to_have_count(2)
        newest = await page.locator("[name=tries]").input_value()
        request = await request_of(full, newest.partition(",")[0])
        assert request["pdf"] == {"margin": {"top": "3cm"}}
        assert request["block_resources"] == ["image"]
    await full.client.delete(f"/v1/jobs/{job['id']}")


async def test_the_code_has_a_link_that_the_server_takes(full: Dashboard) -> None:
    async with full.stage.database.connection() as connection:
        key = await create_key(
            connection,
            tenant_name="tests",
            key_name="signer",
            scopes=frozenset({Scope.RENDER}),
            vault=VAULT,
        )
    async with full.visit(key=key, java_script_enabled=False) as visit:
        await visit.open(f"{PATH}?url=http://10.0.0.1/")
        [address] = re.findall(r'&lt;img src="([^"]*)"', await visit.page.locator("#codes").inner_html())
        answer = await full.client.get(html.unescape(html.unescape(address)))
        # The signature is right: the server refuses what the link shows.
        assert answer.json()["type"] == "url_blocked"


async def test_a_schedule_is_made_of_the_form(full: Dashboard) -> None:
    async with full.visit(java_script_enabled=False) as visit:
        page = visit.page
        await visit.open(f"{PATH}?url=https://example.com/prices")
        await page.locator("#group-schedule > summary").click()
        await page.fill("#option-schedule-cron", "never")
        await page.fill("#option-schedule-name", "prices <b>")
        await page.get_by_role("button", name="Save as schedule").click()
        assert await page.locator("#option-schedule-cron").get_attribute("aria-invalid") == "true"
        assert await page.input_value("#option-schedule-name") == "prices <b>"
        await page.fill("#option-schedule-cron", "0 9 * * MON-FRI")
        await page.get_by_role("button", name="Save as schedule").click()
        await page.wait_for_url("**/ui/schedules/*")
        schedule_id = page.url.rpartition("/")[2]
    schedule = (await full.client.get(f"/v1/schedules/{schedule_id}")).json()
    assert (schedule["name"], schedule["cron"]) == ("prices <b>", "0 9 * * MON-FRI")
    assert schedule["job"] == {"url": "https://example.com/prices"}
    await full.client.delete(f"/v1/schedules/{schedule_id}")


async def test_who_may_not_render_has_no_playground(full: Dashboard) -> None:
    async with full.stage.database.connection() as connection:
        key = await create_key(
            connection, tenant_name="tests", key_name="reader", scopes=frozenset({Scope.READ})
        )
    async with full.visit(key=key) as visit:
        answer = await visit.page.goto(PATH)
        assert answer is not None
        assert answer.status == 403
        posted = await visit.context.request.post(
            PATH, form={"url": "https://example.com/"}, headers={"Sec-Fetch-Site": "same-origin"}
        )
        assert posted.status == 403


@pytest.mark.parametrize("path", [PATH, f"{PATH}/schedule", f"{PATH}/code"])
async def test_other_sites_cannot_use_it(full: Dashboard, path: str) -> None:
    async with full.visit() as visit:
        posted = await visit.context.request.post(
            path, form={"url": "https://example.com/"}, headers={"Sec-Fetch-Site": "cross-site"}
        )
        assert posted.status == 403
        assert json.loads(json.dumps(posted.headers)).get("location") is None
