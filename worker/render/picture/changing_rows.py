"""The rows of a PNG that differ from the row above them.

A page that is almost empty is mostly rows that are like the one above. Chromium writes each of them as zeros
(the filter "Up" of PNG), so that they are found without decoding a pixel.
"""

import struct
import zlib
from dataclasses import dataclass
from typing import Final

from fleet.pictures import png

# Bytes of a pixel, by what follows its size in the header: RGB and RGBA, as Chromium writes them.
_PIXEL_BYTES: Final[dict[png.Header, int]] = {(8, png.RGB, 0, 0, 0): 3, (8, png.RGBA, 0, 0, 0): 4}
# So many rows are inflated at a time: what is as small as this comes from memory that is there already.
_BAND_ROWS: Final = 8
# Where a larger part of the rows changes, it is faster to decode all of them.
_MOST_CHANGING: Final = 1 / 8


@dataclass(frozen=True, slots=True)
class ChangingRows:
    """A picture without the rows that are like the one above.

    Attributes:
        png: the other rows, as a picture of that height.
        repeats: how many rows were left out after each row of `png` that has such.
    """

    png: bytes
    repeats: dict[int, int]


def changing_rows(picture: bytes) -> ChangingRows | None:
    """Leave out rows that are like the one above.

    Args:
        picture: as Chromium has encoded it.

    Returns:
        The other rows. None: they are too many, or it is no PNG as Chromium writes it, or a broken one.
    """
    if not picture.startswith(png.SIGNATURE):
        return None
    try:
        width, height, *kind = png.header(picture)
        row_bytes = 1 + width * _PIXEL_BYTES[tuple(kind)]
        rows, repeats = _rows(png.image_data(picture), row_bytes, height)
    except (KeyError, struct.error, zlib.error):
        return None
    if not rows:
        return None
    # A row's filter needs the row above, which is the same as before.
    return ChangingRows(png.written((width, len(rows), *kind), b"".join(rows), level=0), repeats)


def _rows(data: bytes, row_bytes: int, height: int) -> tuple[list[bytes], dict[int, int]]:
    """The rows that are kept, and how many were left out after each; no rows: too many, or too few bytes."""
    like_above = bytes((png.UP,)) + bytes(row_bytes - 1)
    band_like_above = like_above * _BAND_ROWS
    inflater = zlib.decompressobj()
    kept = [inflater.decompress(data, row_bytes)]
    repeats: dict[int, int] = {}
    for start in range(1, height, _BAND_ROWS):
        count = min(_BAND_ROWS, height - start)
        band = inflater.decompress(inflater.unconsumed_tail, count * row_bytes)
        if len(band) < count * row_bytes or len(kept) > height * _MOST_CHANGING + _BAND_ROWS:
            return [], {}
        last = len(kept) - 1
        if band == band_like_above[: len(band)]:
            repeats[last] = repeats.get(last, 0) + count
            continue
        for place in range(0, len(band), row_bytes):
            row = band[place : place + row_bytes]
            if row == like_above:
                last = len(kept) - 1
                repeats[last] = repeats.get(last, 0) + 1
            else:
                kept.append(row)
    return kept, repeats
