"""What a picture or document says of itself in its own bytes: no decoder, no library."""

import re
import struct
from pathlib import Path

_JPEG_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}


def picture_size(data: bytes) -> tuple[int, int]:
    """Width and height in pixels of a PNG, JPEG or WebP.

    Raises:
        ValueError: it is none of these, or broken.
    """
    try:
        if data.startswith(b"\x89PNG"):
            width, height = struct.unpack_from(">II", data, 16)
            return width, height
        if data.startswith(b"\xff\xd8"):
            return _jpeg_size(data)
        if data[8:12] == b"WEBP":
            return _webp_size(data)
    except (struct.error, IndexError) as error:
        raise ValueError("the picture is broken") from error
    raise ValueError("neither PNG nor JPEG nor WebP")


def _jpeg_size(data: bytes) -> tuple[int, int]:
    """ITU-T T.81, annex B: segments follow each other until the frame header."""
    position = 2
    while data[position + 1] not in _JPEG_START_OF_FRAME:
        (length,) = struct.unpack_from(">H", data, position + 2)
        position += 2 + length
    height, width = struct.unpack_from(">HH", data, position + 5)
    return width, height


def _webp_size(data: bytes) -> tuple[int, int]:
    """RFC 9649: one of three first chunks."""
    if data[12:16] == b"VP8X":
        return 1 + int.from_bytes(data[24:27], "little"), 1 + int.from_bytes(data[27:30], "little")
    if data[12:16] == b"VP8L":
        bits = int.from_bytes(data[21:25], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
    width, height = struct.unpack_from("<HH", data, 26)
    return width & 0x3FFF, height & 0x3FFF


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
