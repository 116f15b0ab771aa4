"""What a picture or document says of itself in its own bytes: nothing is decoded."""

import mmap
import re
from io import BytesIO
from typing import IO, Final

import imagesize

_TAIL_BYTES: Final = 2048
_TABLE: Final = re.compile(rb"xref\s+0 \d+\s+")


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


def count_pages(file: IO[bytes]) -> int | None:
    """Pages of a PDF that Chromium wrote: its catalog's page tree knows. None when it cannot be read.

    ISO 32000-1, 7.5: the end of the file says where the cross-reference table is, that where the objects are.

    Args:
        file: a file on disk; read where needed, for it may have hundreds of megabytes.
    """
    try:
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            table = int(_last(rb"startxref\s+(\d+)", data[-_TAIL_BYTES:]))
            catalog = _object(data, table, int(_last(rb"/Root (\d+) 0 R", data[-_TAIL_BYTES:])))
            pages = _object(data, table, int(_last(rb"/Pages (\d+) 0 R", catalog)))
            return int(_last(rb"/Count (\d+)", pages))
    except (ValueError, IndexError):
        return None


def _object(data: mmap.mmap, table: int, number: int) -> bytes:
    header = _TABLE.match(data, table)
    if header is None:
        raise ValueError("no plain cross-reference table")
    entry = header.end() + 20 * number
    offset = int(data[entry : entry + 10])
    end = data.find(b"endobj", offset)
    if end < 0:
        raise ValueError("no end of the object")
    return data[offset:end]


def _last(pattern: bytes, data: bytes) -> bytes:
    found: list[bytes] = re.findall(pattern, data)
    return found[-1]
