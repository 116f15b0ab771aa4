"""Scrolls through a page as a reader would, so that what loads only when it is seen is there.

Lazy images, content that an IntersectionObserver reveals, and pages that grow at their end all wait for a
reader. The scroll is instant and one window at a time, since an observer is told nothing of what a frame
skips.
"""

import asyncio
import json
from dataclasses import dataclass
from typing import Final

from fleet.errors import ErrorType, RenderError
from worker.render.context import Render
from worker.render.in_page import script

# 100,000 px in windows of 720 px are 139 steps: 3 to 6 s.
MAX_SCROLL_S: Final = 10.0
# How long images that began to load on the way are waited for.
MAX_IMAGES_S: Final = 5.0
# Scripts that load on scrolling often look only every 50 ms or so. A long page gets less time for each step.
_STEP_MS: Final = 50
_ALL_STEPS_MS: Final = 1500
# Of fewer rows one cannot tell a list that draws only what is in view from a page that changes.
_MIN_LOST: Final = 3
_MAX_LOST: Final = 40
_LOST_SHARE: Final = 0.25

_SCROLL: Final = script("scroll.js")


@dataclass(frozen=True, slots=True)
class Scrolled:
    """What a scroll through the page has shown.

    Attributes:
        has_scrolled: whether there was anything to scroll for.
        first_height: of the page before, in CSS pixels.
        height: of the page after.
        is_cut: whether it ended before the page did, at its limit of height or time.
        missing_images: that had not come when the time for them was over.
        is_virtual: whether the page draws only what is in its window, and takes it away again.
    """

    has_scrolled: bool
    first_height: float
    height: float
    is_cut: bool
    missing_images: int
    is_virtual: bool


async def scroll_through(render: Render, *, max_height: float) -> Scrolled:
    """Scroll from the top to the bottom and back, then wait for the images that began to load.

    Args:
        render: the work; its page has loaded.
        max_height: how far, in CSS pixels.

    Raises:
        RenderError: `content_rejected`: scripts of the page run without an end.
        DevToolsError: the page or its browser ended, or the document was replaced.
    """
    limits = {
        "maxHeight": max_height,
        "maxMs": MAX_SCROLL_S * 1000,
        "stepMs": _STEP_MS,
        "allStepsMs": _ALL_STEPS_MS,
        "imagesMs": MAX_IMAGES_S * 1000,
        "maxLost": _MAX_LOST,
    }
    scope = asyncio.timeout(render.bounds.scroll_s)
    try:
        async with scope:
            found = await render.page.evaluate(f"({_SCROLL})({json.dumps(limits)})")
    except TimeoutError as error:
        if not scope.expired():
            raise
        seconds = f"{render.bounds.scroll_s:.0f} s"
        detail = f"the page's scripts kept it busy for {seconds} while it was scrolled through"
        raise RenderError(ErrorType.CONTENT_REJECTED, detail) from error
    return Scrolled(
        has_scrolled=found["hasScrolled"],
        first_height=found["firstHeight"],
        height=found["height"],
        is_cut=found["isCut"],
        missing_images=found["missing"],
        is_virtual=found["lost"] >= max(_MIN_LOST, min(found["seen"], _MAX_LOST) * _LOST_SHARE),
    )
