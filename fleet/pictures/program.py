"""Compares two pictures: a confined program (fleet/confined), started by compare.py.

It imports what works on pixels, and little else: Pillow, numpy and libdeflate.
A picture is decoded as a whole, each of two in a thread of its own; all else is done in bands. Decoding takes
4 bytes for each pixel of a PNG or JPEG, and 15 of a WebP or AVIF, because their decoders hold several copies.
"""

import hashlib
import io
import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

# Or else Pillow imports all formats.
from PIL import AvifImagePlugin, Image, JpegImagePlugin, PngImagePlugin, WebPImagePlugin  # noqa: F401

from fleet.confined.refusal import Refusal
from fleet.pictures.difference import cover, difference
from fleet.pictures.drawing import drawn

_HASH_SIDE: Final = 16
_BAND_PIXELS: Final = 1_000_000


def work(pictures: bytes, order_json: str) -> bytes:
    """Compare two pictures, or take the fingerprint of one.

    Args:
        pictures: one or two, one after the other.
        order_json: `sizes`: the length of each in bytes; `max_pixels`: by format; `ignored`: boxes;
            `fingerprint`: pixels or hash, of the last picture; `draws`: none, visible or all.

    Returns:
        A line of JSON, then the difference picture if there is one.

    Raises:
        Refusal: a picture cannot be decoded, or is too large: `number` (from 0) and `reason`.
    """
    order: Mapping[str, Any] = json.loads(order_json)
    Image.MAX_IMAGE_PIXELS = None  # each has a limit of its own below
    with ThreadPoolExecutor(2) as threads:
        prepared = list(threads.map(lambda part: _prepared(part[0], part[1], order), _parts(pictures, order)))
    last = prepared[-1]
    answer: dict[str, Any] = {"fingerprint": None}
    image = b""
    if len(prepared) > 1:
        image = _compare(prepared[0], last, order, answer)
    # Equal pictures need none: the older one stays the one to compare with.
    if order["fingerprint"] and answer.get("differing") != 0:
        is_hash = order["fingerprint"] == "hash"
        answer["fingerprint"] = f"dhash:{last.bits:064x}" if is_hash else _pixel_fingerprint(last.picture)
    return json.dumps(answer).encode() + b"\n" + image


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A picture in which what is ignored is covered, the same in grey, and its perceptual hash."""

    picture: Image.Image
    grey: Image.Image
    bits: int


def _prepared(number: int, content: bytes, order: Mapping[str, Any]) -> _Prepared:
    picture = _decoded(number, content, order["max_pixels"])
    cover(picture, (tuple(box) for box in order["ignored"]))
    grey = picture.convert("L")
    return _Prepared(picture, grey, _hash_bits(grey))


def _compare(one: _Prepared, other: _Prepared, order: Mapping[str, Any], answer: dict[str, Any]) -> bytes:
    """Leave in `answer` how two pictures differ. Returns the difference picture, if there is one."""
    older, newer = one.picture, other.picture
    if older.mode != newer.mode:
        older, newer = older.convert("RGBA"), newer.convert("RGBA")
    found = difference(older, newer, [tuple(box) for box in order["ignored"]])
    lowest = 1 if order["draws"] == "all" else 255
    answer |= {
        "total": found.total,
        "differing": found.differing,
        "visible": found.visible,
        "sizes": [list(older.size), list(newer.size)],
        "hash_distance": (one.bits ^ other.bits).bit_count(),
        "boxes": found.boxes(lowest=lowest),
    }
    if order["draws"] == "none" or not answer["boxes"]:
        return b""
    answer["image_size"] = list(found.marks.shape[::-1])
    return drawn(other.grey, found, lowest=lowest, boxes=answer["boxes"])


def _parts(pictures: bytes, order: Mapping[str, Any]) -> Iterator[tuple[int, bytes]]:
    start = 0
    for number, size in enumerate(order["sizes"]):
        yield number, pictures[start : start + size]
        start += size


def _decoded(number: int, content: bytes, max_pixels: Mapping[str, int]) -> Image.Image:
    with _refusing(number), Image.open(io.BytesIO(content), formats=tuple(max_pixels)) as picture:
        limit = max_pixels[picture.format or ""]
        if picture.width * picture.height > limit:
            size = f"{picture.width:,} x {picture.height:,}"
            raise Refusal(
                number=number, reason=f"{size} is more than {limit:,} pixels, too many for {picture.format}"
            )
        picture.load()
        mode = "RGBA" if picture.has_transparency_data else "RGB"
        return picture if picture.mode == mode else picture.convert(mode)


@contextmanager
def _refusing(number: int) -> Iterator[None]:
    try:
        yield
    # Pillow raises these errors for broken files; UnidentifiedImageError is an OSError.
    except (OSError, SyntaxError, ValueError) as error:
        raise Refusal(number=number, reason="it cannot be decoded") from error


def _pixel_fingerprint(picture: Image.Image) -> str:
    """A hash of size and pixels: equal for equal pictures, whatever their format or compression."""
    digest = hashlib.sha256(f"{picture.width} x {picture.height}".encode())
    rows = max(1, _BAND_PIXELS // picture.width)
    for top in range(0, picture.height, rows):
        band = picture.crop((0, top, picture.width, min(top + rows, picture.height)))
        digest.update(band.convert("RGBA").tobytes())
    return f"pixels:{digest.hexdigest()}"


def _hash_bits(grey: Image.Image) -> int:
    """A perceptual hash of 256 bits. Similar pictures differ in few bits.

    The picture is reduced to 17 x 16 grey pixels. Each bit says whether a pixel is darker than the pixel
    right of it (N. Krawetz, "Kind of Like That", 2013, where the hash has 64 bits:
    https://www.hackerfactor.com/blog/index.php?/archives/529-Kind-of-Like-That.html).
    """
    width = _HASH_SIDE + 1
    values = grey.resize((width, _HASH_SIDE), Image.Resampling.BOX).tobytes()
    bits = 0
    for row in range(_HASH_SIDE):
        for left in range(row * width, row * width + _HASH_SIDE):
            bits = bits << 1 | (values[left] < values[left + 1])
    return bits
