"""How much of a picture is nothing but one colour.

A picture with something in it takes more bytes for each pixel than an empty one, so that most pictures need
not be decoded: an empty page takes about 0.02 bytes a pixel, an article 0.35. Of a PNG that is decoded only
the rows are that differ from the one above.
"""

import asyncio
from collections.abc import Mapping
from io import BytesIO
from typing import TYPE_CHECKING, Final

from worker.render.file_facts import picture_size
from worker.render.picture.changing_rows import changing_rows

if TYPE_CHECKING:
    from PIL import Image

# Bytes for each pixel: of a PNG that was encoded for speed, and of a JPEG. A picture with 0.3 % of another
# colour, which nobody would call blank any more, takes at most 0.027 as PNG.
_FULL: Final = 0.03
# WebP takes a third of it, and as long to decode as three PNGs.
_FULL_WEBP: Final = 0.012
# To decode one of so many pixels takes about 60 ms; a larger one says nothing of itself.
_MAX_PIXELS: Final = 8_000_000
# To count a smaller one takes 2 ms: a thread for it would cost more than it gives.
_LARGE_PIXELS: Final = 2_000_000
# Lossy formats spread one colour over its neighbours.
_NEAR: Final = 3


async def blank_share(picture: bytes) -> float | None:
    """The share of pixels of the most frequent brightness; None: there is much in it, or it is too large.

    Args:
        picture: as Chromium has encoded it.
    """
    try:
        width, height = picture_size(picture)
    except ValueError:
        return None
    pixels = width * height
    full = _FULL_WEBP if picture.startswith(b"RIFF") else _FULL
    if len(picture) >= full * pixels or pixels > _MAX_PIXELS:
        return None
    return await asyncio.to_thread(_share, picture) if pixels > _LARGE_PIXELS else _share(picture)


def _share(picture: bytes) -> float | None:
    # Loaded with the first picture that needs it: 3 MB.
    from PIL import Image  # noqa: PLC0415

    rows = changing_rows(picture)
    repeats = rows.repeats if rows is not None else {}
    try:
        with Image.open(BytesIO(rows.png if rows else picture), formats=("PNG", "JPEG", "WEBP")) as opened:
            opened.draft("L", opened.size)  # of a JPEG the colours need not be decoded
            # By brightness: to count colours takes three times as long.
            counts = _counts(opened.convert("L"), repeats)
    except (OSError, SyntaxError, ValueError):
        return None
    most = counts.index(max(counts))
    return sum(counts[max(0, most - _NEAR) : most + _NEAR + 1]) / sum(counts)


def _counts(grey: "Image.Image", repeats: Mapping[int, int]) -> list[int]:
    """Pixels by their brightness, rows that were left out included."""
    counts = grey.histogram()
    for row, times in repeats.items():
        more = grey.crop((0, row, grey.width, row + 1)).histogram()
        counts = [count + times * one for count, one in zip(counts, more, strict=True)]
    return counts
