"""Fills a list that draws only those rows that are in its window (a virtual list).

In a window as high as the page, all rows are in it. But such a window also stretches what is as high as the
window (`100vh`): where the page becomes higher or lower by it, the page gets its own window back.
"""

import math
from typing import Final

from worker.browser.page import Page
from worker.render.context import Render
from worker.render.waiting.settle import settle
from worker.render.window import window_metrics

# Left in our isolated world by in_page/scroll.js: of the rows that had gone, how many are still not drawn.
_COUNT_MISSING: Final = "globalThis.countMissingRows()"
_ROUNDING_PX: Final = 1


async def fill_list(render: Render, *, max_height: float) -> bool:
    """Give the page a window that is as high as itself, if that draws the rows that had gone.

    Args:
        render: whose page has been scrolled through.
        max_height: how much of the page is wanted, in CSS pixels.

    Returns:
        Whether the rows are drawn now; if not, the page has its own window again.

    Raises:
        RenderError: `memory_limit_exceeded`: such a window would take too much memory.
        DevToolsError: the page or its browser ended, or the document was replaced.
    """
    page, request = render.page, render.request
    height = (await page.content_size())[1]
    window = math.floor(min(height, max_height))
    # A window of this size takes the memory that its picture takes.
    await page.memory.expect_picture(request.viewport.width * window * request.device_scale_factor**2)
    await page.resize(window_metrics(request, height=window))
    await settle(render)
    if await _is_as_high(page, height) and not await page.evaluate(_COUNT_MISSING):
        return True
    await page.resize(window_metrics(request))
    await settle(render)
    return False


async def _is_as_high(page: Page, height: float) -> bool:
    return abs((await page.content_size())[1] - height) <= _ROUNDING_PX
