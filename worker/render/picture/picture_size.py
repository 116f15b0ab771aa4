"""How large a picture may be: what its format carries and what the product holds in memory."""

import math
from typing import Final

from fleet.pictures.sizes import MAX_AVIF_PIXELS, MAX_DEVICE_PIXELS
from fleet.render.options.output import Format

# The longest side that each format can carry. Beyond it Chromium 156 answers with an empty picture and no
# error (measured: tests/integration/worker/render/test_render.py). The texture limit of 16,384 that browsers
# with a GPU have does not exist here: pages are painted in software, and 100,000 pixels came out right.
MAX_SIDE_PX: Final = {Format.PNG: 100_000, Format.JPEG: 65_500, Format.WEBP: 16_383, Format.AVIF: 32_768}
# And the pixels of all of it.
MAX_PIXELS: Final = dict.fromkeys(MAX_SIDE_PX, MAX_DEVICE_PIXELS) | {Format.AVIF: MAX_AVIF_PIXELS}


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


def largest(width: float, height: float, *, scale: float, format_: Format) -> tuple[int, int]:
    """The largest part, from the top left, of a page that one picture of this format can hold.

    Args:
        width: of the page, in CSS pixels.
        height: of the page, in CSS pixels.
        scale: device pixels per CSS pixel.
        format_: of the picture.
    """
    return fit(width, height, scale=scale, max_side_px=MAX_SIDE_PX[format_], max_pixels=MAX_PIXELS[format_])


def result_size(size: tuple[int, int], width_px: int | None, height_px: int | None) -> tuple[int, int] | None:
    """Width and height to which a picture is resized; None: it stays as it is.

    Args:
        size: of the picture.
        width_px: that is wanted; None: what follows from the other one.
        height_px: that is wanted; None: what follows from the other one.
    """
    width, height = size
    if width_px is None and height_px is None:
        return None
    if width_px is None:
        width_px = max(1, round(width * (height_px or height) / height))
    if height_px is None:
        height_px = max(1, round(height * width_px / width))
    return None if (width_px, height_px) == size else (width_px, height_px)
