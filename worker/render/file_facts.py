"""What a picture or document says of itself in its own bytes: nothing is decoded."""

import re
from io import BytesIO
from pathlib import Path

import imagesize


def picture_size(data: bytes) -> tuple[int, int]:
    """Width and height in pixels of a picture, as its header says.

    Raises:
        ValueError: it is no picture, or a broken one.
    """
    # As a file: a text would be taken for a path or an address, and read from there.
    width_px, height_px = imagesize.get(BytesIO(data), exif_rotation=False)
    if min(width_px, height_px) < 1:
        raise ValueError("the picture is broken")
    return width_px, height_px


def count_pages(path: Path) -> int | None:
    """Pages of a PDF that Chromium wrote: its catalog's page tree knows. None when it cannot be read.

    ISO 32000-1, 7.5: the end of the file says where the cross-reference table is, that where the objects are.
    """
    data = path.read_bytes()
    try:
        table = int(_last(rb"startxref\s+(\d+)", data))
        catalog = _object(data, table, int(_last(rb"/Root (\d+) 0 R", data)))
        pages = _object(data, table, int(_last(rb"/Pages (\d+) 0 R", catalog)))
        return int(_last(rb"/Count (\d+)", pages))
    except (ValueError, IndexError):
        return None


def _object(data: bytes, table: int, number: int) -> bytes:
    header = re.compile(rb"xref\s+0 \d+\s+").match(data, table)
    if header is None:
        raise ValueError("no plain cross-reference table")
    offset = int(data[header.end() + 20 * number :][:10])
    return data[offset : data.index(b"endobj", offset)]


def _last(pattern: bytes, data: bytes) -> bytes:
    found: list[bytes] = re.findall(pattern, data[-2048:])
    return found[-1]
