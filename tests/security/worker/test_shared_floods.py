"""Beside each page that floods the browser, the pages of another tenant are rendered, and soon.

The floods are data (tests/site/floods.py); docs/chaos.md has the figures that were measured.
"""

import asyncio
import contextlib
import time
from typing import Final

import pytest

from fleet.errors import ErrorType, RenderError
from tests.kit.browser_stage import BrowserStage, browser_stage
from tests.site.floods import FLOODS
from tests.site.server import Site

pytest_plugins = ("tests.kit.browser_fixtures",)

FLOOD_S: Final = 7.0
# The aim is 3 s on a machine that does nothing else. Twice of it, because tests run beside each other.
LONGEST_S: Final = 6.0
# The page is ended after a second, but the browser process works through what it had sent by then.
LONGEST_BY_NAME_S: Final = {"console": 12.0}


async def flood(stage: BrowserStage, name: str) -> RenderError | None:
    """What the owner of the flood reads."""
    try:
        await stage.render(f"/flood/{name}", navigation_timeout_ms=int(FLOOD_S * 1000))
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


@pytest.mark.parametrize("name", FLOODS)
async def test_a_witness_beside_a_flood_is_rendered_soon(site: Site, name: str) -> None:
    async with browser_stage(site, browser_max_pages=2) as stage:
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
    assert max(taken_s) < LONGEST_BY_NAME_S.get(name, LONGEST_S)


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
