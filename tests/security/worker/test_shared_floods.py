"""Beside each page that floods the browser, pages of another tenant are rendered, because the flood is held.

The floods are data (tests/site/floods.py). Here one of each mechanism is tried. How long the others wait is
no question for tests that run side by side: `make bench CASES=floods` tries all floods against the whole
product, and docs/benchmarks.md has its figures.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from typing import Final

import psutil
import pytest
import pytest_asyncio
import structlog
from prometheus_client import REGISTRY

from fleet.errors import ErrorType, RenderError
from tests.kit.stages.browser_stage import BrowserStage, browser_stage, until
from tests.site.floods import HELD_IN_TESTS
from tests.site.server import Site
from worker.browser.downloads import MANY_DOWNLOADS
from worker.browser.popups import MANY_WINDOWS

pytest_plugins = ("tests.kit.stages.browser_fixtures",)
pytestmark = pytest.mark.asyncio(loop_scope="module")

# Longer than any test waits: what ends a flood here is the worker.
FLOOD_MS: Final = 60_000
ATTEMPTS: Final = 3
LOWEST_PRIORITY: Final = 19


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def stage(site: Site) -> AsyncIterator[BrowserStage]:
    """One worker for all floods: the next one finds what the last one has left."""
    # Longer than a witness may take: killing a browser that is taken for hung is tested elsewhere.
    async with browser_stage(site, browser_max_pages=2, browser_ping_timeout_s=15) as started:
        yield started


def stops() -> float:
    """How often pages were stopped for a moment so far."""
    return REGISTRY.get_sample_value("renderfleet_page_stops_total") or 0


def ended() -> float:
    """How many pages were ended for what they did to others so far."""
    return REGISTRY.get_sample_value("renderfleet_pages_ended_total") or 0


async def flood(stage: BrowserStage, name: str) -> RenderError:
    """What the owner of the flood reads."""
    with pytest.raises(RenderError) as caught:
        await stage.render(f"/flood/{name}", navigation_timeout_ms=FLOOD_MS)
    return caught.value


async def assert_witness(stage: BrowserStage) -> None:
    assert (await stage.render("/tiny")).page.title == "tiny"


async def held_flood(stage: BrowserStage, name: str) -> asyncio.Task[RenderError]:
    """A flood that was stopped for a moment, or ended; the caller ends it.

    Where other programs have the cores, a page may take too much memory first. Or it gets to do so little
    that nothing has to stop it, until its time is over: then it is tried once more.
    """
    before = stops() + ended()
    for _ in range(ATTEMPTS):
        flooding = asyncio.create_task(flood(stage, name))
        await until(
            lambda task=flooding: task.done() or stops() + ended() > before,  # type: ignore[misc]
            "the flood is stopped or ended",
            look_s=0.02,
        )
        if stops() + ended() > before or (await flooding).type is ErrorType.MEMORY_LIMIT_EXCEEDED:
            return flooding
        assert (await flooding).type is ErrorType.NAVIGATION_TIMEOUT
    pytest.fail(f"{ATTEMPTS} floods went on until their time was over")


@pytest.mark.parametrize("name", HELD_IN_TESTS)
async def test_a_flood_is_held_and_a_witness_beside_it_is_rendered(stage: BrowserStage, name: str) -> None:
    flooding = await held_flood(stage, name)
    try:
        await assert_witness(stage)
    finally:
        flooding.cancel()
        await asyncio.gather(flooding, return_exceptions=True)
    await assert_witness(stage)
    assert stage.pool.generation == 1, "the browser and its other pages have survived"


async def test_a_page_with_many_threads_gets_only_cpu_that_is_idle(stage: BrowserStage) -> None:
    def is_behind() -> bool:
        for renderer in stage.descendants("renderer"):
            with contextlib.suppress(psutil.NoSuchProcess):
                if renderer.nice() == LOWEST_PRIORITY:
                    return True
        return False

    flooding = asyncio.create_task(flood(stage, "workers"))
    try:
        await until(is_behind, "a renderer with the lowest priority", look_s=0.02)
        await assert_witness(stage)
    finally:
        flooding.cancel()
        await asyncio.gather(flooding, return_exceptions=True)
    await assert_witness(stage)


@pytest.mark.parametrize(
    ("name", "words"),
    [("windows", MANY_WINDOWS), ("downloads", MANY_DOWNLOADS)],
    ids=["windows", "downloads"],
)
async def test_what_nobody_would_see_is_counted_and_ends_its_page(
    stage: BrowserStage, name: str, words: str
) -> None:
    before = ended()
    with structlog.testing.capture_logs() as lines:
        flooding = asyncio.create_task(flood(stage, name))
        await assert_witness(stage)
        error = await flooding
    assert (error.type, error.detail) == (ErrorType.CONTENT_REJECTED, words)
    assert ended() == before + 1
    (line,) = [line for line in lines if line["event"] == "ending a page"]
    assert line["reason"] == words
    assert line["pids"]
    await assert_witness(stage)


async def test_a_page_that_only_loads_much_is_no_flood(site: Site) -> None:
    """A dashboard, again and again, and a page with hundreds of frames and requests that ends by itself."""
    many = "".join(f"<img src='/tiny?{number}'>" for number in range(300))
    frames = "<iframe></iframe>" * 100
    async with browser_stage(site, browser_max_pages=2) as stage:
        base = site.url("/tiny")
        html = f"<!doctype html><base href='{base}'>{many}{frames}"
        heavy = [stage.render("/dashboard") for _ in range(3)]
        before = ended()
        await asyncio.gather(stage.render(html=html), *heavy)
        assert (ended(), stage.pool.generation) == (before, 1)
