"""The rows of a PNG that differ from the row above them.

A page that is almost empty is mostly rows that are like the one above. Chromium writes each of them as zeros
(the filter "Up" of PNG), so that they are found without decoding a pixel.
"""

import struct
from dataclasses import dataclass
from typing import Final

import deflate

from fleet.pictures import png

# Bytes of a pixel, by what follows its size in the header: RGB and RGBA, as Chromium writes them.
_PIXEL_BYTES: Final[dict[png.Header, int]] = {(8, png.RGB, 0, 0, 0): 3, (8, png.RGBA, 0, 0, 0): 4}
# So many rows are compared at a time.
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
        data = deflate.zlib_decompress(png.image_data(picture), row_bytes * height)
    except (KeyError, struct.error, deflate.DeflateError):
        return None
    rows, repeats = _rows(data, row_bytes) if len(data) == row_bytes * height else ([], {})
    if not rows:
        return None
    # A row's filter needs the row above, which is the same as before.
    return ChangingRows(png.written((width, len(rows), *kind), b"".join(rows), level=0), repeats)


def _rows(data: bytearray, row_bytes: int) -> tuple[list[bytearray], dict[int, int]]:
    """The rows that are kept, and how many were left out after each; no rows: too many."""
    like_above = bytes((png.UP,)) + bytes(row_bytes - 1)
    band_like_above = like_above * _BAND_ROWS
    most = len(data) // row_bytes * _MOST_CHANGING + _BAND_ROWS
    kept = [data[:row_bytes]]
    repeats: dict[int, int] = {}
    place = row_bytes
    while place < len(data):
        rows = 0
        if data.startswith(band_like_above, place):
            rows = _BAND_ROWS
        elif data.startswith(like_above, place):
            rows = 1
        if rows:
            last = len(kept) - 1
            repeats[last] = repeats.get(last, 0) + rows
        elif len(kept) > most:
            return [], {}
        else:
            kept.append(data[place : place + row_bytes])
        place += max(rows, 1) * row_bytes
    return kept, repeats
