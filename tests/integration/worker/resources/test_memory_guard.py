"""What a render's memory is, and whose it is."""

import asyncio
from collections.abc import AsyncIterator

import psutil
import pytest
import pytest_asyncio

from tests.kit.stages.browser_stage import (
    MAX_BYTES,
    TERMS,
    BrowserStage,
    browser_stage,
    request_for,
    until,
)
from tests.site.server import Site
from worker.render import pipeline
from worker.resources.memory.page_memory import MIB

pytest_plugins = ("tests.kit.stages.browser_fixtures",)
pytestmark = pytest.mark.asyncio(loop_scope="module")

# An empty page holds about 15 MiB, and script, style and layout some more.
BASE_MIB = 45


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def stage(site: Site) -> AsyncIterator[BrowserStage]:
    async with browser_stage(site, browser_max_pages=3, browser_warm_pages=1) as started:
        yield started


async def peak_mib(stage: BrowserStage, path: str, name: str = "artifact") -> float:
    """Render a page; the most that it held."""
    async with stage.pool.page() as page:
        request = request_for(url=stage.site.url(path))
        await pipeline.render(page, request, stage.folder / name, TERMS, max_bytes=MAX_BYTES)
    assert page.memory.peak_bytes is not None
    return page.memory.peak_bytes / MIB


async def test_each_of_three_pages_at_once_is_charged_with_its_own(stage: BrowserStage) -> None:
    sizes = (0, 60, 150)
    peaks = await asyncio.gather(
        *(peak_mib(stage, f"/hungry?mb={size}&ms=300", f"artifact-{size}") for size in sizes)
    )
    for size, peak in zip(sizes, peaks, strict=True):
        assert size < peak < size + BASE_MIB


@pytest.mark.parametrize("beside", [0, 1])
async def test_a_page_that_changes_its_renderer_is_charged_with_both(
    stage: BrowserStage, beside: int
) -> None:
    others = [asyncio.create_task(peak_mib(stage, "/hungry?mb=10&ms=600", "beside")) for _ in range(beside)]
    peak = await peak_mib(stage, "/isolated?mb=100&ms=300")
    assert 100 < peak < 100 + 2 * BASE_MIB
    for task in others:
        assert await task < 10 + BASE_MIB


async def test_a_browser_that_has_grown_is_replaced_and_its_render_succeeds(site: Site) -> None:
    async with browser_stage(site, browser_max_pages=1, browser_max_rss_mb=160) as stage:
        assert (await stage.render("/keeps-blobs?mb=140")).page.title == "keeps blobs"
        await until(lambda: stage.pool.tally.figures().recycles == {"memory": 1}, "the next generation")
        assert (await stage.render("/tiny")).page.title == "tiny"
        assert stage.pool.generation == 2


async def test_a_page_that_floods_is_stopped_meanwhile_and_its_neighbour_is_not(stage: BrowserStage) -> None:
    def stopped() -> list[psutil.Process]:
        return [one for one in stage.descendants("renderer") if one.status() == psutil.STATUS_STOPPED]

    flooding = asyncio.create_task(stage.render("/flood/titles", navigation_timeout_ms=10_000))
    try:
        await until(lambda: len(stopped()) == 1, "a renderer that is stopped", look_s=0.01)
        assert (await stage.render("/tiny")).page.title == "tiny"
    finally:
        flooding.cancel()
        await asyncio.gather(flooding, return_exceptions=True)
    await until(lambda: not stopped(), "a renderer that goes on or has ended")
