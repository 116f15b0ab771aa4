"""A page that fills the memory is ended; whoever renders beside it notices nothing."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from fleet.errors import ErrorType, RenderError
from fleet.telemetry.metrics.of_worker import MEMORY_KILLS
from tests.kit.patience import PATIENCE_S
from tests.kit.stages.browser_stage import TERMS, BrowserStage, browser_stage, until
from tests.site.bombs import RENDERER_BOMBS, SHARED_BOMBS
from tests.site.server import Site
from worker.browser.devtools import DevToolsConnection
from worker.browser.launch.flags import EVERYTHING_THROUGH_PROXY
from worker.resources.memory.page_memory import MemoryHolder

pytest_plugins = ("tests.kit.stages.browser_fixtures",)
pytestmark = pytest.mark.asyncio(loop_scope="module")

LIMIT_MB = 200
# A neighbour that mostly waits: what it takes of the CPU, the bomb lacks, and the test takes longer.
WITNESS = "/slow?ms=300"
# The Cache API is slow to fill: 0.1 GB a second where nothing else runs.


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def stage(site: Site) -> AsyncIterator[BrowserStage]:
    """One worker's browsers for all bombs; each shared one costs it a generation at most."""
    async with browser_stage(
        site, browser_max_pages=2, render_memory_limit_mb=LIMIT_MB, browser_max_rss_mb=300
    ) as started:
        yield started


async def witnesses(stage: BrowserStage, bomb: "asyncio.Task[object]") -> int:
    """Render ordinary pages beside the bomb until it is ended; how many came out well."""
    count = 0
    while not bomb.done():
        rendered = await stage.render(WITNESS)
        assert (rendered.artifact.width_px, rendered.artifact.height_px) == (1280, 720)
        count += 1
    return count


async def go_off(stage: BrowserStage, name: str) -> RenderError:
    """What the owner of the bomb reads, after witnesses have rendered beside it."""
    bomb = asyncio.create_task(stage.render(f"/bomb/{name}", navigation_timeout_ms=60_000))
    async with asyncio.timeout(PATIENCE_S):
        count = await witnesses(stage, bomb)
    assert count > 0
    error = bomb.exception()
    assert isinstance(error, RenderError)
    return error


@pytest.mark.parametrize("name", [*RENDERER_BOMBS, *SHARED_BOMBS])
async def test_a_bomb_is_ended_with_figure_and_limit_and_its_neighbour_succeeds(
    stage: BrowserStage, name: str
) -> None:
    error = await go_off(stage, name)
    assert error.type is ErrorType.MEMORY_LIMIT_EXCEEDED
    assert not error.retryable
    words = error.detail.split()
    used_mib, limit_mib = (int(words[words.index("MiB") - 1]), int(words[-2]))
    assert limit_mib == LIMIT_MB < used_mib < LIMIT_MB + 300
    assert ("blobs" in error.detail) == (name in SHARED_BOMBS)


async def test_a_render_that_only_waits_is_not_blamed_for_what_others_store(stage: BrowserStage) -> None:
    patient = asyncio.create_task(stage.render("/slow?ms=2500"))  # longer than the bomb
    await asyncio.to_thread(stage.site.wait_visited, "/slow", stage.site.visits["/slow"] + 1)
    with pytest.raises(RenderError) as caught:
        await stage.render("/bomb/blobs")
    assert caught.value.type is ErrorType.MEMORY_LIMIT_EXCEEDED
    assert (await patient).page.title == "slow"


async def test_a_renderer_of_which_nobody_knows_whose_it_is_has_a_limit_too(stage: BrowserStage) -> None:
    def doors() -> list[Path]:
        return list(stage.folder.glob("*/profile/DevToolsActivePort"))

    await until(lambda: len(doors()) == 1, "the end of the last generation, which a bomb has worn out")
    port, path = doors()[0].read_text().splitlines()
    ended = MEMORY_KILLS.labels(MemoryHolder.RENDERER)._value  # noqa: SLF001 - what /metrics shows
    before = ended.get()
    async with stage.pool.page() as page, stage.pool.page():
        beside = await DevToolsConnection.open(f"ws://127.0.0.1:{port}{path}")
        way_out = await stage.egress.open_port()
        way_out.admit(TERMS)
        context = await beside.browser.send(
            "Target.createBrowserContext",
            proxyServer=f"http://127.0.0.1:{way_out.number}",
            proxyBypassList=EVERYTHING_THROUGH_PROXY,
        )
        hungry = stage.site.url(f"/hungry?mb={2 * LIMIT_MB}&ms=9000")
        target = {"browserContextId": context["browserContextId"], "url": hungry}
        await beside.browser.send("Target.createTarget", **target)
        await until(lambda: ended.get() == before + 1, "its end")
        assert await page.evaluate("1 + 1") == 2
        await beside.close()
        await way_out.close()
