"""Reads the colour of a picture of one colour, without a library, which would use 4 MB in each worker."""

import struct
import zlib

_RGB, _RGBA, _BITS = 2, 6, 8


class CanaryError(Exception):
    """A canary failed; the text says why."""


def require_colour(png: bytes, colour: str) -> None:
    """Check that the first pixel of a picture has this colour (hexadecimal digits: red, green, blue).

    Raises:
        CanaryError: it has another colour, or this is no PNG as Chromium writes it.
    """
    if (found := bytes(first_pixel(png)).hex()) != colour:
        raise CanaryError(f"the picture has the colour {found} instead of {colour}")


def first_pixel(png: bytes) -> tuple[int, int, int]:
    """Red, green and blue of the top left pixel of a PNG as Chromium writes it: 8 bits each, not interlaced.

    No filter of PNG changes this pixel: filters subtract the pixels to the left and above, and it has none.
    A library that decodes pictures would use 4 MB of memory in each worker. Source: RFC 2083, sections 3, 4.1
    and 6.

    Raises:
        CanaryError: it is no such PNG, or it is damaged.
    """
    try:
        if not png.startswith(b"\x89PNG\r\n\x1a\n"):
            raise CanaryError("the picture is no PNG")
        chunks = dict[bytes, bytes]()
        position = 8
        while position < len(png):
            length, kind = struct.unpack_from(">I4s", png, position)
            data = png[position + 8 : position + 8 + length]
            (checksum,) = struct.unpack_from(">I", png, position + 8 + length)
            if zlib.crc32(kind + data) != checksum:
                raise CanaryError("the picture is damaged")
            chunks[kind] = chunks.get(kind, b"") + data
            position += 12 + length
        width, _, bits, colours = struct.unpack_from(">IIBB", chunks[b"IHDR"])
        rows = zlib.decompress(chunks[b"IDAT"])
        if width < 1 or bits != _BITS or colours not in (_RGB, _RGBA) or b"IEND" not in chunks:
            raise CanaryError("the picture is of an unknown kind")
        red, green, blue = rows[1:4]
    except (struct.error, zlib.error, KeyError, ValueError) as error:
        raise CanaryError("the picture cannot be decoded") from error
    return red, green, blue
