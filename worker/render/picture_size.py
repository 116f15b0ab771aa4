"""How large a picture may be: what its format carries and what the product holds in memory."""

import math
from typing import Final

from fleet.render.options.output import Format
from fleet.render.options.viewport import MAX_DEVICE_PIXELS

# The longest side that each format can carry. Beyond it Chromium 156 answers with an empty picture and no
# error (measured: tests/integration/worker/render/test_render.py). The texture limit of 16,384 that browsers
# with a GPU have does not exist here: pages are painted in software, and 100,000 pixels came out right.
MAX_SIDE_PX: Final = {Format.PNG: 100_000, Format.JPEG: 65_500, Format.WEBP: 16_383}


def fit(
    width: float, height: float, *, scale: float, max_side_px: int, max_pixels: int = MAX_DEVICE_PIXELS
) -> tuple[int, int]:
    """The largest part, from the top left, of a page that one picture can hold.

    Args:
        width: of the page, in CSS pixels.
        height: of the page, in CSS pixels.
        scale: device pixels per CSS pixel.
        max_side_px: device pixels of the longer side.
        max_pixels: device pixels of the whole picture.
    """
    longest = math.floor(max_side_px / scale)
    fitting_width = max(1, min(math.ceil(width), longest))
    by_area = math.floor(max_pixels / (fitting_width * scale**2))
    return fitting_width, max(1, min(math.ceil(height), longest, by_area))
