"""The frame of a PNG around rows that are made elsewhere (https://www.w3.org/TR/png-3/)."""

import struct
import zlib
from collections.abc import Iterator
from typing import Final

import deflate

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
# Width, height, bits a channel, colour type, kinds of compression, filters and interlace.
HEADER: Final = struct.Struct(">IIBBBBB")
RGB: Final = 2
PALETTE: Final = 3
NO_FILTER: Final = 0
UP: Final = 2


def chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    """The name and the content of each part of a file."""
    at = len(SIGNATURE)
    while at < len(png):
        length = int.from_bytes(png[at : at + 4], "big")
        yield png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        at += 12 + length


def written(head: list[tuple[bytes, bytes]], rows: bytes | bytearray | memoryview, *, level: int) -> bytes:
    """A file.

    Args:
        head: name and content of each part before the rows, from the header on.
        rows: each row after the number of its filter.
        level: how hard libdeflate tries to make it small, 1 to 12.
    """
    image = bytes(deflate.zlib_compress(rows, level))
    return SIGNATURE + b"".join(_chunk(*one) for one in (*head, (b"IDAT", image), (b"IEND", b"")))


def _chunk(name: bytes, content: bytes) -> bytes:
    check = zlib.crc32(content, zlib.crc32(name))
    return b"".join((len(content).to_bytes(4, "big"), name, content, check.to_bytes(4, "big")))
