"""Large pictures: what they take is known before they are taken, and neighbours are not kept waiting."""

import asyncio
import math
import time
from collections.abc import AsyncIterator
from typing import Any, Final

import pytest
import pytest_asyncio
from PIL import Image

from fleet.errors import ErrorType, RenderError
from tests.kit.stages.browser_stage import BrowserStage, browser_stage
from tests.site.server import Site
from worker.resources.chromium_processes import read_memory
from worker.resources.memory.page_memory import MIB
from worker.resources.memory.picture_budget import BYTES_PER_PIXEL

pytest_plugins = ("tests.kit.stages.browser_fixtures",)
pytestmark = pytest.mark.asyncio(loop_scope="module")

# Room for one picture of these, and not for two.
BUDGET_MIB: Final = 150
SIDE: Final = 2400
LARGE: Final[dict[str, Any]] = {
    "viewport": {"width": SIDE // 2, "height": SIDE // 2},
    "device_scale_factor": 2,
}
LARGEST: Final[dict[str, Any]] = {"viewport": {"width": 2000, "height": 2000}, "device_scale_factor": 2}


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def stage(site: Site) -> AsyncIterator[BrowserStage]:
    async with browser_stage(
        site, browser_max_pages=3, browser_warm_pages=1, capture_memory_mb=BUDGET_MIB
    ) as started:
        yield started


async def test_a_large_webp_shows_the_page_as_a_png_does(stage: BrowserStage) -> None:
    """It is not encoded by Chromium, which would not answer meanwhile."""
    await stage.render("/shapes", **LARGE)
    with Image.open(stage.output) as picture:
        expected = picture.convert("RGB")
    found = await stage.render("/shapes", format="webp", quality=100, **LARGE)
    assert (found.artifact.content_type, found.artifact.width_px) == ("image/webp", SIDE)
    with Image.open(stage.output) as picture:
        assert picture.format == "WEBP"
        assert picture.convert("RGB").tobytes() == expected.tobytes()
    with_losses = await stage.render("/shapes", format="webp", quality=30, **LARGE)
    assert with_losses.artifact.size_bytes < found.artifact.size_bytes


async def test_large_pictures_wait_for_each_other_and_small_ones_for_nobody(stage: BrowserStage) -> None:
    async with stage.pool.page() as page:
        await page.memory.expect_picture(SIDE * SIDE)  # as while it is being taken
        began_at = time.monotonic()
        large = asyncio.create_task(stage.render("/slow?ms=0", format="jpeg", **LARGE))
        await asyncio.to_thread(stage.site.wait_visited, "/slow")
        for _ in range(3):
            assert (await stage.render("/tiny")).artifact.width_px == 1280
        assert not large.done()
        held_s = time.monotonic() - began_at
    rendered = await large
    assert rendered.artifact.width_px == SIDE
    assert sum(rendered.timings_ms.values()) > held_s * 1000, "the wait is part of the job's time"


async def test_three_at_once_take_the_memory_of_one(stage: BrowserStage) -> None:
    """The kernel tells the highest value so far, so no peak is missed between two looks."""
    (gpu,) = stage.descendants("gpu-process")

    async def peak_mib(count: int) -> float:
        rendering = (stage.render("/shapes", format="jpeg", max_bytes=10**8, **LARGE) for _ in range(count))
        await asyncio.gather(*rendering)
        memory = read_memory(gpu.pid)
        assert memory is not None
        return memory.peak_bytes / MIB

    # What a picture took before is not given back at once, so that a later one finds more in use.
    alone = [await peak_mib(1) for _ in range(3)]
    # 8 to 12 MiB were measured on a busy machine; 36 to 60 when the pictures do not wait for each other.
    assert await peak_mib(3) < alone[-1] + SIDE * SIDE * 4 / MIB


async def test_a_picture_that_would_take_too_much_is_refused_before_it_is_taken(stage: BrowserStage) -> None:
    with pytest.raises(RenderError) as caught:
        await stage.render("/tiny", **LARGEST)
    assert caught.value.type is ErrorType.MEMORY_LIMIT_EXCEEDED
    assert f"about {math.ceil(16_000_000 * BYTES_PER_PIXEL / MIB)} MiB" in caught.value.detail
    assert f"{BUDGET_MIB} MiB" in caught.value.detail
