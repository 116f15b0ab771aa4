"""How much is drawn in a picture, told by the size of Chromium's fast PNG: bytes for each pixel."""

from typing import Final

# Less than SPARSE for a page of which little is drawn, 0.2 for one of text, more than SOME_GRADIENTS for one
# of text and gradients, more than NO_TEXT for gradients alone and for pages with photographs, more than
# PHOTOGRAPHS for photographs alone.
SPARSE: Final = 0.15
SOME_GRADIENTS: Final = 0.22
NO_TEXT: Final = 0.5
PHOTOGRAPHS: Final = 1.0


def pixels(png: bytes) -> int:
    """Of a PNG, whose header begins with its sides."""
    return int.from_bytes(png[16:20], "big") * int.from_bytes(png[20:24], "big")


def bytes_per_pixel(png: bytes) -> float:
    """Of a PNG."""
    return len(png) / pixels(png)
