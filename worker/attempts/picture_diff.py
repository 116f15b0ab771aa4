"""Two pictures, equal or not: by their pixels, or by what they look like from afar. Slow: run it in a thread.

A picture is decoded as a whole, the rest is done band by band. Measured with Pillow 12: 4 bytes a pixel for
PNG and JPEG, 15 for WebP, whose decoder holds the picture several times; hence less of it is looked at. That
is at most 330 MB for a pair of PNG or JPEG (the largest that a render may produce), 540 MB for one of WebP.

Pillow is loaded with the first comparison: it takes 3 MB, and a worker without schedules never needs it.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fleet.render.options.viewport import MAX_DEVICE_PIXELS

if TYPE_CHECKING:
    from PIL import Image

MAX_PIXELS: Final = {"PNG": MAX_DEVICE_PIXELS, "JPEG": MAX_DEVICE_PIXELS, "WEBP": MAX_DEVICE_PIXELS // 2}
_BAND_PIXELS: Final = 1_000_000
_HASH_SIDE: Final = 16


class UndecodableError(Exception):
    """A file is no picture, or one that is too large to look at; the message says so to the job's owner."""


@contextmanager
def _opened(path: Path) -> "Iterator[Image.Image]":
    from PIL import Image  # noqa: PLC0415 - see the module's first lines

    try:
        with Image.open(path, formats=tuple(MAX_PIXELS)) as picture:
            limit = MAX_PIXELS[picture.format or ""]
            if picture.width * picture.height > limit:
                size = f"{picture.width} x {picture.height}"
                raise UndecodableError(f"{size} is more than {limit:,} pixels, too many for {picture.format}")
            picture.load()
            yield picture
    # What Pillow raises for broken files; UnidentifiedImageError is an OSError.
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UndecodableError("it cannot be decoded") from error


def _bands(picture: "Image.Image") -> Iterator[tuple[int, int, int, int]]:
    rows = max(1, _BAND_PIXELS // picture.width)
    for top in range(0, picture.height, rows):
        yield 0, top, picture.width, min(top + rows, picture.height)


def pixel_fingerprint(path: Path) -> str:
    """Equal for pictures of the same size and pixels, whatever their format or compression.

    Raises:
        UndecodableError: the file is no picture, or too large a one.
    """
    with _opened(path) as picture:
        digest = hashlib.sha256(f"{picture.width} x {picture.height}".encode())
        for band in _bands(picture):
            digest.update(picture.crop(band).convert("RGBA").tobytes())
    return f"pixels:{digest.hexdigest()}"


def share_of_differing_pixels(one: Path, other: Path) -> float:
    """From 0 to 1; 1 for pictures of different sizes. A pixel differs if any of its channels does.

    Raises:
        UndecodableError: one of the files is no picture, or too large a one.
    """
    from PIL import ImageChops  # noqa: PLC0415 - see the module's first lines

    with _opened(one) as first, _opened(other) as second:
        if first.size != second.size:
            return 1.0
        equal = 0
        for band in _bands(first):
            pair = (picture.crop(band).convert("RGBA") for picture in (first, second))
            red, green, blue, alpha = ImageChops.difference(*pair).split()
            largest = ImageChops.lighter(ImageChops.lighter(red, green), ImageChops.lighter(blue, alpha))
            equal += largest.histogram()[0]
        return 1 - equal / (first.width * first.height)


def difference_hash(path: Path) -> str:
    """256 bits of what a picture looks like from afar, as `dhash:` and hexadecimal digits.

    Shrunk to 17 x 16 grey pixels; each bit says whether a pixel is darker than its right neighbour
    (N. Krawetz, "Kind of Like That", 2013, where the hash has 64 bits:
    https://www.hackerfactor.com/blog/index.php?/archives/529-Kind-of-Like-That.html).

    Raises:
        UndecodableError: the file is no picture, or too large a one.
    """
    from PIL import Image  # noqa: PLC0415 - see the module's first lines

    with _opened(path) as picture:
        width = _HASH_SIDE + 1
        grey = picture.convert("L").resize((width, _HASH_SIDE), Image.Resampling.BOX).tobytes()
    bits = 0
    for row in range(_HASH_SIDE):
        for left in range(row * width, row * width + _HASH_SIDE):
            bits = bits << 1 | (grey[left] < grey[left + 1])
    return f"dhash:{bits:064x}"


def bits_apart(one: str, other: str) -> int:
    """In how many bits two difference hashes differ.

    Raises:
        ValueError: one of them is none.
    """
    pair = [int(text.removeprefix("dhash:"), 16) for text in (one, other)]
    return (pair[0] ^ pair[1]).bit_count()
