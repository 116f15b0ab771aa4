"""The rows of a PNG that differ from the row above them.

A page that is almost empty is mostly rows that are like the one above. Chromium writes each of them as zeros
(PNG filter "Up", https://www.w3.org/TR/png-3/#9Filters), so that they are found without decoding a pixel.
"""

import zlib
from dataclasses import dataclass
from typing import Final

_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
_UP: Final = b"\x02"
# Bytes of a pixel, by bit depth, colour type, compression, filter and interlace: RGB and RGBA, as Chromium
# writes them.
_PIXEL_BYTES: Final = {b"\x08\x02\0\0\0": 3, b"\x08\x06\0\0\0": 4}
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


def changing_rows(png: bytes) -> ChangingRows | None:
    """Leave out rows that are like the one above.

    Args:
        png: as Chromium has encoded it.

    Returns:
        The other rows. None: they are too many, or it is no PNG as Chromium writes it, or a broken one.
    """
    head = png[16:29]
    if not png.startswith(_SIGNATURE) or png[12:16] != b"IHDR" or head[8:13] not in _PIXEL_BYTES:
        return None
    width, height = int.from_bytes(head[:4], "big"), int.from_bytes(head[4:8], "big")
    row_bytes = 1 + width * _PIXEL_BYTES[head[8:13]]
    try:
        rows, repeats = _rows(_image_data(png), row_bytes, height)
    except zlib.error:
        return None
    if not rows:
        return None
    small = head[:4] + len(rows).to_bytes(4, "big") + head[8:]
    data = zlib.compress(b"".join(rows), 0)  # a row's filter needs the row above, which is the same as before
    parts = (_chunk(b"IHDR", small), _chunk(b"IDAT", data), _chunk(b"IEND", b""))
    return ChangingRows(_SIGNATURE + b"".join(parts), repeats)


def _image_data(png: bytes) -> bytes:
    parts, place = [], len(_SIGNATURE)
    while place < len(png):
        size = int.from_bytes(png[place : place + 4], "big")
        if png[place + 4 : place + 8] == b"IDAT":
            parts.append(png[place + 8 : place + 8 + size])
        place += size + 12
    return b"".join(parts)


def _rows(data: bytes, row_bytes: int, height: int) -> tuple[list[bytes], dict[int, int]]:
    """The rows that are kept, and how many were left out after each; no rows: too many, or too few bytes."""
    like_above = _UP + bytes(row_bytes - 1)
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


def _chunk(name: bytes, data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + name + data + zlib.crc32(name + data).to_bytes(4, "big")
