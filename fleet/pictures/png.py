"""Reads and writes what is around the rows of a PNG (https://www.w3.org/TR/png-3/)."""

import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import Final, TypeAlias

import deflate

SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
# Colour types.
RGB: Final = 2
PALETTE: Final = 3
RGBA: Final = 6
# Filters: a row holds its pixels, or how they differ from those above.
NO_FILTER: Final = 0
UP: Final = 2
# Width, height, bits a channel, colour type, kinds of compression, filters and interlace.
_HEADER: Final = struct.Struct(">IIBBBBB")
_HEADER_AT: Final = len(SIGNATURE) + 8

Header: TypeAlias = tuple[int, ...]
Chunks: TypeAlias = Sequence[tuple[bytes, bytes]]  # name and content of each


def header(png: bytes) -> Header:
    """Width, height, bits a channel, colour type, kinds of compression, filters and interlace.

    Raises:
        struct.error: the file ends before them.
    """
    return _HEADER.unpack_from(png, _HEADER_AT)


def image_data(png: bytes) -> bytes:
    """The compressed rows of a file."""
    return b"".join(content for name, content in _chunks(png) if name == b"IDAT")


def other_chunks(png: bytes) -> Chunks:
    """Name and content of all that is between the header and the rows, such as the density of pixels."""
    return [chunk for chunk in _chunks(png) if chunk[0] not in {b"IHDR", b"IDAT", b"IEND"}]


def written(head: Header, rows: bytes | bytearray | memoryview, *, level: int, others: Chunks = ()) -> bytes:
    """A file.

    Args:
        head: see `header`.
        rows: each row after the number of its filter.
        level: how hard libdeflate tries to make it small: 1 to 12, or 0 for not at all.
        others: see `other_chunks`.
    """
    image = bytes(deflate.zlib_compress(rows, level))
    chunks = ((b"IHDR", _HEADER.pack(*head)), *others, (b"IDAT", image), (b"IEND", b""))
    return SIGNATURE + b"".join(_chunk(*chunk) for chunk in chunks)


def _chunks(png: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = len(SIGNATURE)
    while at < len(png):
        length = int.from_bytes(png[at : at + 4], "big")
        yield png[at + 4 : at + 8], png[at + 8 : at + 8 + length]
        at += 12 + length


def _chunk(name: bytes, content: bytes) -> bytes:
    check = zlib.crc32(content, zlib.crc32(name))
    return b"".join((len(content).to_bytes(4, "big"), name, content, check.to_bytes(4, "big")))
