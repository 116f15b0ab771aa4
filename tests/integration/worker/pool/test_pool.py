"""Slots, warm pages and generations: who waits for what, and what is left afterwards."""

import asyncio

import psutil
import pytest
from prometheus_client import REGISTRY

from fleet.errors import ErrorType, RenderError
from tests.kit.patience import PATIENCE_S
from tests.kit.stages.browser_stage import BrowserStage, browser_pids, browser_stage, profiles, until
from tests.site.server import Site
from worker.egress.port import Port
from worker.pool import generation, slots

pytest_plugins = ("tests.kit.stages.browser_fixtures",)


def recycles(reason: str) -> float:
    return REGISTRY.get_sample_value("renderfleet_browser_recycles_total", {"reason": reason}) or 0


async def test_no_more_pages_than_slots(site: Site) -> None:
    async with browser_stage(site, browser_max_pages=2) as stage:
        most = 0

        async def one() -> None:
            nonlocal most
            async with stage.pool.page() as page:
                most = max(most, stage.pool.busy)
                await page.evaluate("1")

        await asyncio.gather(*(one() for _ in range(6)))
        assert most == 2
        await until(lambda: stage.pool.busy == 0, "the last context's end")
        assert stage.pool.numbers is not None
        assert (stage.pool.numbers.renders, stage.pool.numbers.pages_open) == (6, 0)


async def test_warm_page_is_used_once_and_replaced(site: Site) -> None:
    async with browser_stage(site, browser_max_pages=1, browser_warm_pages=1) as stage:
        used: set[int] = set()
        for _ in range(4):
            # No page is made for the render: one was there, and was not used before.
            generation = await stage.pool._browsers.usable()  # noqa: SLF001 - nobody else asks for a warm page
            await until(lambda warm=generation._warm: warm.has_some, "a warm page")  # type: ignore[misc]  # noqa: SLF001
            there = {renderer.pid for renderer in stage.descendants("renderer")} - used
            async with stage.page() as page:
                assert page.memory.renderers
                assert page.memory.renderers <= there
                used |= page.memory.renderers
                assert await page.evaluate("location.href") == "about:blank"
                await page.navigate(site.url("/tiny"))
                await page.lifecycle.reach("load")


class CountedPages:
    """Counts the pages that are begun to be made, by the ports that they get."""

    def __init__(self, stage: BrowserStage, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count = 0
        self._open_port = stage.egress.open_port
        monkeypatch.setattr(stage.egress, "open_port", self._counted)

    async def _counted(self) -> Port:
        self.count += 1
        return await self._open_port()


async def test_a_render_after_a_pause_is_not_slowed_by_the_next_page(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generation, "_LONG_RENDER_S", 1000.0)
    monkeypatch.setattr(slots, "_CALM_S", 1000.0)  # the first render comes after a pause, the next does not
    async with browser_stage(site, browser_max_pages=2, browser_warm_pages=1) as stage:
        made = CountedPages(stage, monkeypatch)
        await stage.render("/tiny")
        assert made.count == 0
        await until(lambda: made.count == 1, "the next page is made behind the render")
        async with stage.page():
            await until(lambda: made.count == 2, "the next page is made beside a render that follows at once")


async def test_a_new_browser_goes_on_at_the_pace_of_the_one_before_it(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generation, "_LONG_RENDER_S", 1000.0)
    monkeypatch.setattr(slots, "_CALM_S", 1000.0)
    async with browser_stage(site, browser_max_pages=2, browser_warm_pages=1) as stage:
        await stage.render("/tiny")
        stage.pool.wear_out()
        await until(lambda: stage.pool.generation == 2, "the next browser")
        made = CountedPages(stage, monkeypatch)
        async with stage.page():
            await until(lambda: made.count == 1, "the next page is made beside a render that follows at once")


async def test_renders_side_by_side_do_not_wait_for_the_next_page(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generation, "_LONG_RENDER_S", 1000.0)
    async with browser_stage(site, browser_max_pages=2, browser_warm_pages=1) as stage:
        made = CountedPages(stage, monkeypatch)
        async with stage.page(), stage.page():  # the second one has its page made for it
            await until(lambda: made.count == 2, "the next page")


async def test_the_next_page_is_made_beside_a_long_render(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generation, "_LONG_RENDER_S", 0.1)
    async with browser_stage(site, browser_max_pages=2, browser_warm_pages=1) as stage:
        made = CountedPages(stage, monkeypatch)
        async with stage.page():
            await until(lambda: made.count == 1, "the next page")


async def test_who_waits_for_a_page_gets_the_one_that_is_being_made(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generation, "_ANSWERED_S", 0.0)
    monkeypatch.setattr(generation, "_LONG_RENDER_S", 1000.0)
    async with browser_stage(site, browser_max_pages=2, browser_warm_pages=1) as stage:
        made = CountedPages(stage, monkeypatch)
        await stage.render("/tiny")
        await until(lambda: made.count == 1, "the next page is begun", look_s=0)
        monkeypatch.setattr(slots, "_CALM_S", 0.0)
        with pytest.raises(TimeoutError):  # who does not wait any longer leaves it to others
            async with asyncio.timeout(0), stage.page():
                pytest.fail("it is not made yet")
        assert (await stage.render("/tiny")).page.title == "tiny"
        assert made.count == 1


async def test_warm_page_that_died_is_not_given_out(site: Site) -> None:
    async with browser_stage(site, browser_max_pages=1, browser_warm_pages=1) as stage:
        warm = stage.descendants("renderer")
        for renderer in warm:
            renderer.kill()
        await until(lambda: not any(process.is_running() for process in warm), "its end")
        assert (await stage.render("/tiny")).page.title == "tiny"


async def test_a_browser_that_is_idle_where_memory_is_short_ends_before_the_next_begins(site: Site) -> None:
    async with browser_stage(site, browser_max_pages=1) as stage:
        [old] = browser_pids(stage.folder)
        before = recycles("memory")
        stage.pool.wear_out()
        await until(lambda: stage.pool.generation == 2, "another browser")
        assert not psutil.pid_exists(old)
        assert (await stage.render("/tiny")).page.title == "tiny"
        assert recycles("memory") == before + 1


async def test_a_render_does_not_lose_its_browser_where_memory_is_short(site: Site) -> None:
    async with browser_stage(site, browser_max_pages=1) as stage, stage.pool.page() as page:
        stage.pool.wear_out()
        await until(lambda: stage.pool.generation == 2, "another browser")
        assert await page.evaluate("1 + 1") == 2


async def test_cancelled_render_frees_its_slot(site: Site) -> None:
    async with browser_stage(site, browser_max_pages=1) as stage:
        render = asyncio.create_task(stage.render("/silent"))
        await asyncio.to_thread(site.wait_visited, "/silent", site.visits["/silent"] + 1)
        render.cancel()
        with pytest.raises(asyncio.CancelledError):
            await render
        async with asyncio.timeout(PATIENCE_S):
            await stage.render("/tiny")


async def test_waiting_for_a_slot_can_be_cancelled(site: Site) -> None:
    async with browser_stage(site, browser_max_pages=1) as stage:
        async with stage.pool.page():
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05), stage.pool.page():
                    pytest.fail("there was no slot")
        async with asyncio.timeout(PATIENCE_S):
            await stage.render("/tiny")


async def test_recycle_by_age_keeps_no_render_waiting(site: Site) -> None:
    """Renders go on without a pause while browsers are replaced every second."""
    async with browser_stage(site, browser_max_pages=1, browser_max_age_s=1) as stage:
        await stage.render("/tiny")
        before, slowest = recycles("age"), 0.0
        generations = set()
        without = asyncio.create_task(stage.pool.wait_browser(present=False))
        while recycles("age") < before + 2:
            async with stage.page() as page:
                slowest = max(slowest, page.waited_s)
                generations.add(page.generation)
                await page.navigate(site.url("/tiny"))
                await page.lifecycle.reach("load")
        assert len(generations) >= 2
        assert not without.done(), "there was no browser: a render would have waited for a launch"
        without.cancel()
        figures = stage.pool.tally.figures()
        assert figures.recycles.keys() == {"age"}
        assert figures.longest_overlapping_wait_ms <= round(1000 * slowest, 2)
        assert figures.overlapping_renders > 0
        await until(lambda: len(browser_pids(stage.folder)) <= 2, "the end of the old browsers")
        await until(lambda: len(profiles(stage.folder)) <= 4, "the end of their profiles")


async def test_a_replacement_takes_the_place_of_a_render(site: Site) -> None:
    """With all slots busy it would slow every one of them: it waits until one is empty, and stays so."""
    offers: list[int] = []
    async with (
        browser_stage(site, offer=offers.append, browser_max_pages=2, browser_max_renders=2) as stage,
        stage.pool.page(),
    ):
        async with stage.pool.page():
            await until(lambda: offers == [1], "one slot less")
            with pytest.raises(AssertionError):
                await until(lambda: stage.pool.generation == 2, "a launch, which takes half of this", 1.5)
        await until(lambda: stage.pool.generation == 2, "the next browser")
        await until(lambda: offers == [1, 2], "all slots again")


async def test_recycle_by_renders(site: Site) -> None:
    async with browser_stage(site, browser_max_pages=2, browser_max_renders=3) as stage:
        before = recycles("renders")
        while recycles("renders") < before + 2:
            await stage.render("/tiny")
        assert stage.pool.generation >= 3
        assert stage.pool.tally.figures().recycles["renders"] >= 2


async def test_replaced_browser_lets_its_render_finish(site: Site) -> None:
    async with browser_stage(site, browser_max_pages=2, browser_max_renders=2) as stage:
        render = asyncio.create_task(stage.render("/slow?ms=2500"))
        await asyncio.to_thread(site.wait_visited, "/slow", site.visits["/slow"] + 1)
        await stage.render("/tiny")
        await until(lambda: stage.pool.generation == 2, "the next generation")
        assert (await render).page.title == "slow"
        await until(lambda: len(browser_pids(stage.folder)) == 1, "the end of the old browser")


async def test_replaced_browser_is_ended_when_its_render_takes_too_long(site: Site) -> None:
    async with browser_stage(site, browser_max_pages=2, browser_max_renders=2, browser_drain_s=0.2) as stage:
        render = asyncio.create_task(stage.render("/silent"))
        await asyncio.to_thread(site.wait_visited, "/silent", site.visits["/silent"] + 1)
        await stage.render("/tiny")
        with pytest.raises(RenderError) as caught:
            await render
        assert caught.value.type in {ErrorType.BROWSER_UNAVAILABLE, ErrorType.PAGE_CRASHED}
        assert caught.value.retryable


async def test_stop_while_renders_run_ends_them(site: Site) -> None:
    async with browser_stage(site, browser_max_pages=1) as stage:
        render = asyncio.create_task(stage.render("/silent"))
        await asyncio.to_thread(site.wait_visited, "/silent", site.visits["/silent"] + 1)
        async with asyncio.timeout(PATIENCE_S):
            await stage.pool.stop()
        with pytest.raises(RenderError):
            await render
