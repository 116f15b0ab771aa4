"""Compares two pictures by their pixels, or by a perceptual hash. Slow: run it in a thread.

A picture is decoded as a whole; everything else is done in horizontal bands. Measured with Pillow 12: 4 bytes
per pixel for PNG and JPEG, and 15 for WebP, because its decoder holds several copies of the picture. So the
limit for WebP is half as many pixels. The memory is at most 330 MB for two PNG or JPEG pictures (the largest
that a render may produce), and 540 MB for two WebP pictures.

Pillow is loaded with the first comparison: it takes 3 MB, and a worker without schedules never needs it.
"""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final

from fleet.render.options.output import MAX_AVIF_PIXELS
from fleet.render.options.viewport import MAX_DEVICE_PIXELS

if TYPE_CHECKING:
    from PIL import Image

MAX_PIXELS: Final = {
    "PNG": MAX_DEVICE_PIXELS,
    "JPEG": MAX_DEVICE_PIXELS,
    "WEBP": MAX_DEVICE_PIXELS // 2,
    "AVIF": MAX_AVIF_PIXELS,
}
_BAND_PIXELS: Final = 1_000_000
_HASH_SIDE: Final = 16


class UndecodableError(Exception):
    """A file is no picture, or one that is too large to compare. The message is for the job's owner."""


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
    # Pillow raises these errors for broken files; UnidentifiedImageError is an OSError.
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise UndecodableError("it cannot be decoded") from error


def _bands(picture: "Image.Image") -> Iterator[tuple[int, int, int, int]]:
    rows = max(1, _BAND_PIXELS // picture.width)
    for top in range(0, picture.height, rows):
        yield 0, top, picture.width, min(top + rows, picture.height)


def pixel_fingerprint(path: Path) -> str:
    """A hash of size and pixels: equal for equal pictures, whatever their format or compression.

    Raises:
        UndecodableError: the file is no picture, or the picture is too large.
    """
    with _opened(path) as picture:
        digest = hashlib.sha256(f"{picture.width} x {picture.height}".encode())
        for band in _bands(picture):
            digest.update(picture.crop(band).convert("RGBA").tobytes())
    return f"pixels:{digest.hexdigest()}"


def share_of_differing_pixels(one: Path, other: Path) -> float:
    """From 0 to 1; 1 for pictures of different sizes. A pixel differs if one of its channels differs.

    Raises:
        UndecodableError: one of the files is no picture, or one of the pictures is too large.
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
    """A perceptual hash of 256 bits, as `dhash:` and hexadecimal digits. Similar pictures differ in few bits.

    The picture is reduced to 17 x 16 grey pixels. Each bit says whether a pixel is darker than the pixel
    right of it (N. Krawetz, "Kind of Like That", 2013, where the hash has 64 bits:
    https://www.hackerfactor.com/blog/index.php?/archives/529-Kind-of-Like-That.html).

    Raises:
        UndecodableError: the file is no picture, or the picture is too large.
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


def hamming_distance(one: str, other: str) -> int:
    """In how many bits two difference hashes differ.

    Raises:
        ValueError: one of them is not a difference hash.
    """
    pair = [int(text.removeprefix("dhash:"), 16) for text in (one, other)]
    return (pair[0] ^ pair[1]).bit_count()
