"""Beside each page that floods the browser, the pages of another tenant are rendered, and soon.

The floods are data (tests/site/floods.py). Here one of each mechanism is tried. `make bench CASES=floods`
tries all of them against the whole product, and docs/benchmarks.md has its figures.
"""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Final

import pytest
import pytest_asyncio

from fleet.errors import ErrorType, RenderError
from tests.kit.stages.browser_stage import BrowserStage, browser_stage
from tests.site.floods import TRIED_IN_TESTS
from tests.site.server import Site
from worker.browser.downloads import MANY_DOWNLOADS
from worker.browser.popups import MANY_WINDOWS

pytest_plugins = ("tests.kit.stages.browser_fixtures",)
pytestmark = pytest.mark.asyncio(loop_scope="module")

NAMED_ENDS: Final = {"downloads": MANY_DOWNLOADS, "windows": MANY_WINDOWS}
# The worker ends those soon. The others are stopped again and again, until their time is over.
FLOOD_S: Final = 2.0
# Without what ends it, it fills the memory of the browser process in three.
FLOOD_S_BY_NAME: Final = {"console": 3.0, **dict.fromkeys(NAMED_ENDS, 20.0)}
# The aim is 3 s on a machine that does nothing else, which `make bench CASES=floods` measures. Here tests run
# beside each other, so that this tells only a neighbour who waits on from one who waits for ever (24 s and
# more before floods were ended); longer where a page without a flood takes longer than usual.
LONGEST_S: Final = 15.0
USUAL_S: Final = 0.2
CALM_RENDERS: Final = 4
# The page is ended after a second, but the browser process works through what it had sent by then.
LONGEST_BY_NAME_S: Final = {"console": 20.0}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def stage(site: Site) -> AsyncIterator[BrowserStage]:
    """One worker for all floods: the next one finds what the last one has left."""
    # Longer than a witness may take: killing a browser that is taken for hung is tested elsewhere.
    async with browser_stage(site, browser_max_pages=2, browser_ping_timeout_s=15) as started:
        yield started


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def calm_s(stage: BrowserStage) -> float:
    """Seconds of a witness without a flood."""
    began_at = time.monotonic()
    for _ in range(CALM_RENDERS):
        await stage.render("/tiny")
    return (time.monotonic() - began_at) / CALM_RENDERS


async def flood(stage: BrowserStage, name: str) -> RenderError | None:
    """What the owner of the flood reads."""
    try:
        seconds = FLOOD_S_BY_NAME.get(name, FLOOD_S)
        await stage.render(f"/flood/{name}", navigation_timeout_ms=int(seconds * 1000))
    except RenderError as error:
        return error
    return None


async def witnesses(stage: BrowserStage, flooding: "asyncio.Task[RenderError | None]") -> list[float]:
    """Render ordinary pages until the flood has ended, and one after; the seconds of each."""
    taken_s = []
    is_last = False
    while not is_last:
        is_last = flooding.done()
        began_at = time.monotonic()
        assert (await stage.render("/tiny")).page.title == "tiny"
        taken_s.append(time.monotonic() - began_at)
    return taken_s


@pytest.mark.parametrize("name", TRIED_IN_TESTS)
async def test_a_witness_beside_a_flood_is_rendered_soon(
    stage: BrowserStage, calm_s: float, name: str
) -> None:
    flooding = asyncio.create_task(flood(stage, name))
    try:
        taken_s = await witnesses(stage, flooding)
    finally:
        flooding.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            error = await flooding
    assert error is not None
    assert error.type in {
        ErrorType.CONTENT_REJECTED,
        ErrorType.MEMORY_LIMIT_EXCEEDED,
        ErrorType.NAVIGATION_TIMEOUT,
    }
    if name in NAMED_ENDS:
        assert error.detail == NAMED_ENDS[name]
    assert max(taken_s) < LONGEST_BY_NAME_S.get(name, LONGEST_S) * max(1.0, calm_s / USUAL_S)


async def test_a_page_that_only_loads_much_is_no_flood(site: Site) -> None:
    """A dashboard, again and again, and a page with hundreds of frames and requests that ends by itself."""
    many = "".join(f"<img src='/tiny?{number}'>" for number in range(300))
    frames = "<iframe></iframe>" * 100
    async with browser_stage(site, browser_max_pages=2) as stage:
        base = site.url("/tiny")
        html = f"<!doctype html><base href='{base}'>{many}{frames}"
        heavy = [stage.render("/dashboard") for _ in range(3)]
        await asyncio.gather(stage.render(html=html), *heavy)
        assert stage.pool.generation == 1
