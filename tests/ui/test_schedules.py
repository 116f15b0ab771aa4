"""The pages of schedules: what changed, and what can be done with one."""

from datetime import timedelta
from uuid import UUID

from playwright.async_api import expect

from fleet.render.sealed import SealedRequest
from fleet.schedules import schedule as schedules
from fleet.schedules.request import Deliver, ScheduleRequest
from fleet.schedules.run_now import find_template
from fleet.schedules.schedule import Schedule
from fleet.vault import Purpose, SecretOwner
from tests.kit.data.vaults import VAULT
from tests.kit.documents.drawn_pages import drawn_page
from tests.kit.patience import PATIENCE_S
from tests.ui.filling.jobs import Maker
from tests.ui.kit.dashboard import Dashboard, until_told

expect.set_options(timeout=PATIENCE_S * 1000)


async def made(dashboard: Dashboard, **options: object) -> Schedule:
    wanted = ScheduleRequest.model_validate(
        {"cron": "@yearly", "job": {"url": "https://example.com/"}} | options
    )
    stage = dashboard.stage
    found = await schedules.create(stage.database, VAULT, tenant_id=stage.tenant_id, wanted=wanted)
    assert found is not None
    return found


async def read(dashboard: Dashboard, schedule_id: UUID) -> Schedule | None:
    stage = dashboard.stage
    return await schedules.get(stage.database, schedule_id=schedule_id, tenant_id=stage.tenant_id)


async def whole(dashboard: Dashboard, schedule_id: UUID) -> str:
    """What a schedule renders, with its secrets."""
    stage = dashboard.stage
    template = await find_template(stage.database, schedule_id=schedule_id, tenant_id=stage.tenant_id)
    assert template is not None
    stored: SealedRequest = template.request
    return stored.unseal(VAULT, SecretOwner(Purpose.SCHEDULE, stage.tenant_id, schedule_id))


async def test_an_empty_list_says_what_schedules_are_for(empty: Dashboard) -> None:
    async with empty.visit(java_script_enabled=False) as visit:
        await visit.open("/ui/schedules")
        told = await visit.text()
        assert "No schedules yet" in told
        assert f"{empty.address}/v1/schedules" in told
        await visit.page.get_by_role("link", name="New schedule").click()
        await visit.page.wait_for_url("**/ui/schedules/new")


async def test_the_list_says_when_and_which_pictures_changed(full: Dashboard) -> None:
    async with full.visit() as visit:
        await visit.open("/ui/schedules")
        article = visit.page.locator(f"#schedule-{full.filled['schedule_id']}")
        told = await article.inner_text()
        assert "At 09:00 on Monday through Friday, Europe/Berlin" in told
        assert "3 of the last 9 changed" in told
        changed = article.locator(".strip li.is-changed")
        await expect(changed).to_have_count(3)
        # What is as before shows the picture that it equals: a browser loads each only once.
        addresses = await article.locator(".strip img").evaluate_all("(all) => all.map((one) => one.src)")
        assert len(addresses) == 9
        assert len(set(addresses)) == 4


async def test_two_pictures_side_by_side_under_a_slider_and_as_their_difference(full: Dashboard) -> None:
    path = f"/ui/schedules/{full.filled['schedule_id']}"
    async with full.visit() as visit:
        page = visit.page
        await visit.open(path)
        # The last change, as the worker has recorded it.
        await until_told(visit, "6.31 % of the pixels can be seen to differ")
        await expect(page.locator(".side img")).to_have_count(2)
        await page.get_by_role("button", name="Slider").click()
        slider = page.get_by_label("How much of the newer picture is shown")
        await slider.fill("20")
        clip = await page.locator(".newer-picture").evaluate("(one) => getComputedStyle(one).clipPath")
        assert clip == "inset(0px 0px 0px 80%)"
        await page.get_by_role("button", name="Difference").click()
        await page.wait_for_url("**view=difference*")
        await expect(page.locator(".canvas img")).to_have_js_property("naturalWidth", 1280)
        share = await page.locator("#pair p").first.inner_text()
        assert "differ" in share
        assert " 0.00 %" not in share
        await page.locator(".strip li.is-same a").last.click()
        await until_told(visit, "equal")
        await page.get_by_role("button", name="Difference").click()
        await until_told(visit, "Nothing differs")
        assert visit.complaints == []


async def test_what_cannot_be_compared_says_why(own: Dashboard) -> None:
    schedule = await made(own)
    maker = Maker(own)
    for number in range(2):
        png = drawn_page((1, 1, 1))
        job = await maker.picture(
            png, ago=timedelta(minutes=9 - number), url="https://example.com/", title="x"
        )
        await maker.database.execute(
            "UPDATE jobs SET schedule_id = $2, scheduled_for = created_at, "
            """artifact = artifact::jsonb || '{"width_px": 1280, "height_px": 90000}' WHERE id = $1""",
            job.id,
            schedule.id,
        )
    maker.store.close()
    async with own.visit() as visit:
        await visit.open(f"/ui/schedules/{schedule.id}")
        assert "too large to be shown side by side" in await visit.text()
        await visit.page.get_by_role("button", name="Difference").click()
        await until_told(visit, "a png with at most 20,000,000 can be compared")
        assert visit.complaints == []


async def test_a_schedule_is_run_paused_resumed_and_deleted_without_script(own: Dashboard) -> None:
    schedule = await made(own, name="To be deleted")
    path = f"/ui/schedules/{schedule.id}"
    async with own.visit(java_script_enabled=False) as visit:
        page = visit.page
        await visit.open(path)
        await page.get_by_role("button", name="Run now").click()
        await until_told(visit, "The schedule runs now.")
        after = await read(own, schedule.id)
        assert after is not None
        assert page.url.endswith(f"/ui/jobs/{after.last_job_id}")
        assert after.next_fire_at == schedule.next_fire_at
        await visit.open(path)
        await page.get_by_role("button", name="Pause").click()
        await until_told(visit, "It makes no jobs until you resume it.")
        paused = await read(own, schedule.id)
        assert paused is not None
        assert not paused.enabled
        await page.get_by_role("button", name="Resume").click()
        await until_told(visit, "It makes jobs again")
        await page.get_by_role("link", name="Delete").click()
        await until_told(visit, "Delete the schedule To be deleted?")
        assert await read(own, schedule.id) is not None
        await page.get_by_role("button", name="Yes, delete it").click()
        await until_told(visit, "The schedule is deleted.")
        assert await read(own, schedule.id) is None


async def test_editing_keeps_secrets_without_showing_them_and_says_what_is_wrong(own: Dashboard) -> None:
    schedule = await made(
        own,
        job={
            "url": "https://example.com/",
            "headers": {"x-key": "hush"},
            "pdf": {"password": {"user": "hush"}},
        }
        | {"format": "pdf"},
    )
    async with own.visit(java_script_enabled=False) as visit:
        page = visit.page
        await visit.open(f"/ui/schedules/{schedule.id}/edit")
        assert "hush" not in await page.content()
        await page.get_by_label("When (cron)").fill("61 * * * *")
        await page.get_by_label("What is rendered").fill(
            '{"url": "https://example.com/", "format": "pdf", "widht": 1}'
        )
        await page.get_by_role("button", name="Save").click()
        await until_told(visit, "has a wrong minute")
        told = await visit.text()
        assert "widht" in told
        assert (await page.get_by_label("When (cron)").input_value()) == "61 * * * *"
        await page.get_by_label("When (cron)").fill("@weekly")
        await page.get_by_label("Name").fill("<b>Changed</b>")
        await page.get_by_label("What is rendered").fill(
            '{"url": "https://example.com/new", "format": "pdf"}'
        )
        await page.get_by_label("keep pdf.password").uncheck()
        await page.get_by_role("button", name="Save").click()
        await until_told(visit, "The schedule is changed.")
        after = await read(own, schedule.id)
        assert after is not None
        assert (after.cron, after.name, after.sealed_fields) == ("@weekly", "<b>Changed</b>", ["headers"])
        stored = await whole(own, schedule.id)
        assert '"hush"' in stored
        assert "https://example.com/new" in stored


async def test_a_new_schedule_is_made_by_its_form(own: Dashboard) -> None:
    async with own.visit() as visit:
        await visit.open("/ui/schedules/new")
        await visit.page.get_by_label("Name").fill("made here")
        await visit.page.get_by_label("Equal up to").fill("0.02")
        await visit.page.get_by_role("button", name="Make the schedule").click()
        await until_told(visit, "The schedule is made.")
        found = await read(own, UUID(visit.page.url.rpartition("/")[2]))
        assert found is not None
        assert (found.name, found.deliver) == ("made here", Deliver.WHEN_CHANGED)
        assert found.compare is not None
        assert found.compare.threshold == 0.02
