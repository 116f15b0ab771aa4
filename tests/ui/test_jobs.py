"""The pages of jobs: finding, looking, doing, and what strangers' words may not do."""

import csv
import io
from datetime import timedelta
from uuid import UUID, uuid4

import pytest
from playwright.async_api import expect

from fleet.jobs.read import get
from fleet.tenants.api_keys import create_key
from fleet.tenants.tenant import Scope
from tests.kit.documents.drawn_pages import drawn_page
from tests.kit.patience import PATIENCE_S
from tests.ui.filling.jobs import HOSTILE, Maker, told_of
from tests.ui.kit.dashboard import Dashboard, until_told

expect.set_options(timeout=PATIENCE_S * 1000)
SAME_ORIGIN = {"Sec-Fetch-Site": "same-origin"}
SECOND = timedelta(seconds=1)


async def state_of(dashboard: Dashboard, job_id: UUID) -> str:
    job = await get(dashboard.stage.database, job_id=job_id, tenant_id=dashboard.stage.tenant_id)
    assert job is not None
    return job.state.value


async def queued(dashboard: Dashboard, host: str, count: int = 1) -> list[UUID]:
    """Jobs that nobody takes, the newest first."""
    maker = Maker(dashboard)
    maker.store.close()
    made = [
        await maker.accepted(ago=SECOND * number, url=f"https://{host}/{number}") for number in range(count)
    ]
    return [job.id for job in made]


async def test_filters_are_in_the_address_and_say_what_is_wrong_with_them(full: Dashboard) -> None:
    async with full.visit() as visit:
        await visit.open("/ui/jobs")
        page = visit.page
        await page.keyboard.press("/")
        await page.keyboard.type("https://broken.example/whatever")
        await page.get_by_label("Error").select_option("name_not_resolved")
        await page.keyboard.press("Enter")
        await page.get_by_role("button", name="Filter").click()
        await page.wait_for_url("**/ui/jobs?*error_type=name_not_resolved*")
        await expect(page.locator("[data-row]")).to_have_count(1)
        await page.get_by_role("link", name="Gallery").click()
        await page.wait_for_url("**view=gallery*")
        await expect(page.locator("[data-row]")).to_have_count(1)
        await page.get_by_label("Since").fill("yesterday-ish")
        await page.get_by_role("button", name="Filter").click()
        await until_told(visit, "must be an age, such as")
        await expect(page.get_by_label("Since")).to_have_value("yesterday-ish")
        await expect(page.locator("[data-row]")).to_have_count(0)
        await page.get_by_role("link", name="Clear").click()
        await until_told(visit, "shop.example")
        assert visit.complaints == []


async def test_an_empty_list_says_why_and_what_to_do(full: Dashboard, empty: Dashboard) -> None:
    async with full.visit(java_script_enabled=False) as visit:
        await visit.open("/ui/jobs?host=nowhere.example&status=failed")
        assert "No job matches" in await visit.text()
        await visit.page.get_by_role("link", name="Clear the filter").click()
        await until_told(visit, "shop.example")
    async with empty.visit(java_script_enabled=False) as visit:
        await visit.open("/ui/jobs")
        told = await visit.text()
        assert "No jobs yet" in told
        assert f"curl --fail-with-body -sS {empty.address}/v1/screenshot" in told


async def test_a_list_finds_all_pages_of_itself(own: Dashboard) -> None:
    await queued(own, "many.example", 70)
    async with own.visit(java_script_enabled=False) as visit:
        await visit.open("/ui/jobs?host=many.example")
        assert await visit.page.locator("[data-row]").count() == 50
        await visit.page.get_by_role("link", name="Older jobs").click()
        await expect(visit.page.locator("[data-row]")).to_have_count(20)
        await expect(visit.page.get_by_role("link", name="/69")).to_be_visible()


async def test_new_jobs_wait_while_somebody_is_in_the_list_and_come_in_otherwise(own: Dashboard) -> None:
    await queued(own, "live.example", 3)
    async with own.visit() as visit:
        page = visit.page
        async with page.expect_response("**/ui/live"):
            await visit.open("/ui/jobs?host=live.example")
        await page.mouse.move(5, 5)
        await queued(own, "live.example")
        await expect(page.locator("[data-row]")).to_have_count(4)  # nobody is in the list
        await page.keyboard.press("j")
        await page.keyboard.press("x")
        first = await page.locator("[data-row]").first.get_attribute("id")
        await queued(own, "live.example", 2)
        await expect(page.locator("#newer")).to_have_text("2 new")
        await expect(page.locator("[data-row]")).to_have_count(4)
        assert await page.locator("[data-row]").first.get_attribute("id") == first
        await expect(page.locator("#selected")).to_have_text("1 selected")
        await page.locator("#newer").get_by_role("link").click()
        await expect(page.locator("[data-row]")).to_have_count(6)
        assert visit.complaints == []


async def test_many_are_cancelled_by_keyboard_alone_after_a_question(own: Dashboard) -> None:
    first, second, third = await queued(own, "keys.example", 3)
    async with own.visit() as visit:
        await visit.open("/ui/jobs?host=keys.example")
        press = visit.page.keyboard.press
        for key in ("j", "j", "x", "k", "x", "c"):
            await press(key)
        await until_told(visit, "Cancel 2 jobs?")
        assert await state_of(own, first) == "queued"
        await press("Enter")
        await until_told(visit, "Cancelled 2 jobs.")
        assert [await state_of(own, one) for one in (first, second, third)] == [
            "cancelled",
            "cancelled",
            "queued",
        ]
        for key in ("j", "j", "j", "r"):
            await press(key)
        await until_told(visit, "1 job left as it was: the job is queued")
        for key in ("j", "j", "j", "Enter"):
            await press(key)
        await until_told(visit, str(third))
        await press("c")
        await until_told(visit, "Cancel this job?")
        await press("Enter")
        await until_told(visit, "The job is cancelled.")
        await press("g")
        await press("j")
        await visit.page.wait_for_url("**/ui/jobs")
        assert visit.complaints == []


async def test_all_that_match_are_run_again_without_script(own: Dashboard) -> None:
    made = await queued(own, "all.example", 60)
    await own.stage.database.execute(
        "UPDATE jobs SET state = 'cancelled', finished_at = now() WHERE id = ANY($1)", made[:55]
    )
    async with own.visit(java_script_enabled=False) as visit:
        await visit.open("/ui/jobs?host=all.example")
        page = visit.page
        await page.get_by_label("With").select_option("all")
        await page.get_by_role("button", name="Retry").click()
        await until_told(visit, "Render 55 jobs again?")
        await page.get_by_role("button", name="Yes, retry").click()
        await until_told(visit, "Rendering 55 jobs again.")
        retries = await own.stage.database.fetchval(
            "SELECT count(*) FROM jobs WHERE retry_of = ANY($1)", made
        )
        assert retries == 55
        await page.get_by_label("With").select_option("all")
        await page.get_by_role("button", name="Erase pictures").click()
        await until_told(visit, "nothing to erase")


async def test_the_export_has_all_that_match_and_no_formula(own: Dashboard) -> None:
    maker = Maker(own)
    await maker.failed("tls_error", "=1+1", ago=SECOND)
    maker.store.close()
    async with own.visit() as visit:
        answer = await visit.context.request.get("/ui/jobs/jobs.csv?error_type=tls_error")
        table = list(csv.DictReader(io.StringIO((await answer.text()).removeprefix("\ufeff"))))
        assert [(row["status"], row["error_detail"]) for row in table] == [("failed", "'=1+1")]
        assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        refused = await visit.context.request.get("/ui/jobs/jobs.csv?since=never")
        assert refused.status == 422


async def test_a_job_shows_its_picture_its_past_and_makes_another_one(own: Dashboard) -> None:
    maker = Maker(own)
    shown = await told_of(maker)
    maker.store.close()
    async with own.visit() as visit:
        await visit.open(f"/ui/jobs/{shown.id}")
        page = visit.page
        picture = page.locator(".canvas img")
        await expect(page.locator(".canvas img")).to_have_js_property("naturalWidth", 1280)
        fitting = await picture.bounding_box()
        await page.get_by_label("1:1").check()
        actual = await picture.bounding_box()
        assert fitting is not None
        assert actual is not None
        assert actual["width"] == 1280 > fitting["width"]
        told = await page.locator("#waterfall").inner_text()
        for words in (
            "Attempt 1",
            "browser_unavailable",
            "Attempt 2",
            "navigation 412 ms",
            "HTTP 503",
            "HTTP 204",
        ):
            assert words in told
        await page.get_by_role("button", name="Again", exact=True).click()
        await until_told(visit, "This is a new job with the same request.")
        await until_told(visit, "waits for a worker")
        await expect(page.get_by_role("link", name="Again with changes")).to_have_attribute(
            "href", f"/ui/playground?job={page.url.rpartition('/')[2]}"
        )
        assert visit.complaints == []


async def test_erasing_asks_and_says_afterwards_when_it_was(own: Dashboard) -> None:
    maker = Maker(own)
    job = await maker.picture(drawn_page((9, 9, 9)), ago=SECOND, url="https://erase.example/", title="Once")
    maker.store.close()
    async with own.visit(java_script_enabled=False) as visit:
        await visit.open(f"/ui/jobs/{job.id}")
        await visit.page.get_by_role("link", name="Erase files").click()
        await until_told(visit, "cannot be brought back")
        await visit.page.get_by_role("button", name="Yes, erase them").click()
        await until_told(visit, "Somebody erased its files")
        answer = await visit.context.request.get(f"/ui/jobs/{job.id}/thumbnail")
        assert answer.status == 410


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("png", "A browser would need 488 MiB of memory to show it"),
        ("pdf", "500 pages"),
        ("html", "<script>document.title='harmed'</script>"),
        ("markdown", "# A page"),
    ],
)
async def test_what_is_no_usual_picture_is_shown_sensibly(full: Dashboard, path: str, words: str) -> None:
    async with full.visit() as visit:
        await visit.open("/ui/jobs?host=docs.example.com&view=gallery")
        gallery = await visit.text()
        assert "too large for a small picture: at most 20 million pixels" in gallery
        assert "500 pages" in gallery
        await visit.page.get_by_role("link", name=f"docs.example.com /{path}", exact=True).click()
        await until_told(visit, words)
        assert await visit.page.title() != "harmed"
        assert visit.complaints == []


async def test_a_file_of_a_stranger_s_page_is_never_a_page_of_ours(full: Dashboard) -> None:
    sql = "SELECT id FROM jobs WHERE format = 'html' AND artifact IS NOT NULL LIMIT 1"
    job_id = await full.stage.database.fetchval(sql)
    async with full.visit() as visit:
        answer = await visit.context.request.get(f"/ui/jobs/{job_id}/artifact")
        assert answer.headers["content-disposition"].startswith("attachment")
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert answer.headers["x-content-type-options"] == "nosniff"


async def test_hostile_words_are_words_wherever_they_are_shown(full: Dashboard) -> None:
    sql = "SELECT id FROM jobs WHERE external_id LIKE '<b>%' OR error_detail LIKE '%harmed%'"
    found = [row["id"] for row in await full.stage.database.fetch(sql)]
    assert len(found) == 2
    pages = [f"/ui/jobs/{job_id}" for job_id in found]
    pages += [
        "/ui/jobs?host=example.com",
        "/ui/jobs?host=example.com&view=gallery",
        "/ui/jobs?host=%22%3E%3Cscript%3Edocument.title%3D1%3C/script%3E",
    ]
    async with full.visit() as visit:
        for path in pages:
            await visit.open(path)
            assert "harmed" not in await visit.page.title()
            assert await visit.page.locator("main script, main img[src=x]").count() == 0
            assert HOSTILE in await visit.text() or "script" in path
        assert visit.complaints == []


async def test_a_key_that_only_reads_sees_no_button_and_may_do_nothing(own: Dashboard) -> None:
    (job_id,) = await queued(own, "reader.example")
    async with own.stage.database.connection() as connection:
        key = await create_key(
            connection, tenant_name=own.tenant_name, key_name="reader", scopes=frozenset({Scope.READ})
        )
    async with own.visit(key=key) as visit:
        for path in ("/ui/jobs", f"/ui/jobs/{job_id}", "/ui/schedules"):
            await visit.open(path)
            assert await visit.page.locator("main form[method=post]").count() == 0, path
        for path in (f"/ui/jobs/{job_id}/cancel", "/ui/jobs/actions", f"/ui/jobs/{job_id}/again"):
            answer = await visit.context.request.post(path, headers=SAME_ORIGIN)
            assert answer.status == 403, path
    assert await state_of(own, job_id) == "queued"


async def test_jobs_of_others_are_not_there(full: Dashboard) -> None:
    async with full.stage.database.connection() as connection:
        key = await create_key(
            connection, tenant_name="strangers", key_name="all", scopes=frozenset({Scope.READ, Scope.RENDER})
        )
    job = f"/ui/jobs/{full.filled['job_id']}"
    schedule = f"/ui/schedules/{full.filled['schedule_id']}"
    async with full.visit(key=key) as visit:
        paths = [f"{job}{rest}" for rest in ("", "/thumbnail", "/artifact", "/json", "/evidence")]
        paths += [schedule, f"{schedule}/edit", f"{schedule}/difference?one={uuid4()}&other={uuid4()}"]
        for path in paths:
            answer = await visit.context.request.get(path)
            assert answer.status == 404, path
        for path in (f"{job}/again", f"{job}/erase", f"{schedule}/run", f"{schedule}/delete"):
            answer = await visit.context.request.post(path, headers=SAME_ORIGIN)
            assert answer.status == 404, path
        await visit.open("/ui/jobs")
        assert "No jobs yet" in await visit.text()
