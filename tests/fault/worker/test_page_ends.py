"""However a page ends while it is rendered, its job's owner is told the true reason."""

import asyncio
from collections.abc import AsyncIterator
from urllib.parse import quote

import pytest
import pytest_asyncio

from fleet.errors import ErrorType, RenderError
from tests.kit.stages.browser_stage import BrowserStage, browser_stage
from tests.site.server import Site

pytest_plugins = ("tests.kit.stages.browser_fixtures",)
pytestmark = pytest.mark.asyncio(loop_scope="module")

LIMIT_MB = 256
# Takes 100 MB to show, and four times as much to print.
ROWS = """<title>rows</title><table border=1 id=t></table><script>
  t.innerHTML = Array.from({length: 10_000}, (_, i) => `<tr><td>${i}<td>row ${i}`).join("")
</script>"""
# Held in the middle of being printed for as long as the site is silent.
STOPS_WHEN_PRINTED = """<title>held</title><script>
  onbeforeprint = () => {
    const request = new XMLHttpRequest()
    request.open("GET", "/silent", false)
    request.send()
  }
</script>"""


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def stage(site: Site) -> AsyncIterator[BrowserStage]:
    async with browser_stage(
        site, browser_max_pages=1, browser_warm_pages=0, render_memory_limit_mb=LIMIT_MB
    ) as started:
        yield started


async def test_a_page_that_outgrows_its_limit_while_it_is_printed_is_told_so(stage: BrowserStage) -> None:
    assert (await stage.render(html=ROWS)).page.title == "rows"
    with pytest.raises(RenderError) as caught:
        await stage.render(html=ROWS, format="pdf")
    assert caught.value.type is ErrorType.MEMORY_LIMIT_EXCEEDED
    assert f"a render may take {LIMIT_MB} MiB" in caught.value.detail


async def test_a_renderer_that_ends_while_it_prints_has_crashed(stage: BrowserStage) -> None:
    visits = stage.site.visits["/silent"]
    printing = asyncio.create_task(stage.render(f"/given?html={quote(STOPS_WHEN_PRINTED)}", format="pdf"))
    await asyncio.to_thread(stage.site.wait_visited, "/silent", visits + 1)
    (renderer,) = stage.descendants("renderer")
    renderer.kill()
    with pytest.raises(RenderError) as caught:
        await printing
    assert caught.value.type is ErrorType.PAGE_CRASHED


async def test_a_page_that_closes_itself_is_not_tried_again(stage: BrowserStage) -> None:
    with pytest.raises(RenderError) as caught:
        await stage.render(html="<script>window.close()</script>")
    assert (caught.value.type, caught.value.retryable) == (ErrorType.CONTENT_REJECTED, False)
    assert (await stage.render("/tiny")).page.title == "tiny"
