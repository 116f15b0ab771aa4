"""Draws the frames of other origins that lie outside the window.

Chromium draws no frame of another origin that is out of sight ("render throttling"), and a picture beyond the
window does not change that: the frames are white in it. So each is scrolled into the window, its part of the
page is pictured, and that picture is put in its place.
"""

import base64
import json
import math
from dataclasses import dataclass
from typing import Final

from worker.browser.page import Page
from worker.browser.protocol import ScreenshotClip
from worker.render.in_page import script

_FAR_FRAMES: Final = script("far_frames.js")
# Each takes about 0.2 s, and its picture passes through the worker as text.
_MAX_FRAMES: Final = 20
_MAX_PIXELS: Final = 8_000_000


@dataclass(frozen=True, slots=True)
class _Place:
    """Of a frame, in CSS pixels from the top left of the page."""

    x: int
    y: int
    width: int
    height: int

    def json(self) -> str:
        """For the script."""
        return json.dumps({"x": self.x, "y": self.y, "width": self.width, "height": self.height})


async def draw_far_frames(page: Page, *, max_height: float, scale: float) -> int:
    """Draw the frames that are out of sight, from the top.

    Args:
        page: that has been scrolled through.
        max_height: of the picture, in CSS pixels.
        scale: device pixels for each CSS pixel.

    Returns:
        How many there were too many.

    Raises:
        DevToolsError: the page or its browser ended, or the document was replaced.
    """
    found = [_place(one) for one in await page.evaluate(_FAR_FRAMES) if one["y"] < max_height]
    pixels_left: float = _MAX_PIXELS
    left_out = 0
    for number, place in enumerate(sorted(found, key=lambda one: one.y)):
        pixels = place.width * place.height * scale**2
        if number >= _MAX_FRAMES or pixels > pixels_left:
            left_out += 1
            continue
        pixels_left -= pixels
        await _draw(page, place)
    if found:
        await page.evaluate("farFrames.leave()")
    return left_out


def _place(found: dict[str, float]) -> _Place:
    """Whole pixels around the frame: what lies around it is pictured with it, and is the same."""
    left, top = max(0, math.floor(found["x"])), max(0, math.floor(found["y"]))
    right, bottom = math.ceil(found["x"] + found["width"]), math.ceil(found["y"] + found["height"])
    return _Place(left, top, max(1, right - left), max(1, bottom - top))


async def _draw(page: Page, place: _Place) -> None:
    await page.evaluate(f"farFrames.show({place.json()})")
    clip = ScreenshotClip(x=place.x, y=place.y, width=place.width, height=place.height, scale=1)
    data = await page.screenshot(format="png", optimizeForSpeed=True, captureBeyondViewport=True, clip=clip)
    text = base64.b64encode(data).decode()
    await page.evaluate(f"farFrames.cover({place.json()}, {json.dumps(text)})")
