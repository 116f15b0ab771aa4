"""The share of a picture that has one brightness, counted without decoding all rows."""

import io
import zlib
from collections.abc import Callable
from typing import Final

import pytest
from PIL import Image, ImageDraw

from worker.render.picture.blank import blank_share
from worker.render.picture.changing_rows import changing_rows

WIDTH: Final = 400
HEIGHT: Final = 500
SILVER: Final = (200, 200, 210)


def drawn(*boxes: tuple[int, int, int, int], mode: str = "RGB") -> Image.Image:
    picture = Image.new(mode, (WIDTH, HEIGHT), SILVER)
    for number, box in enumerate(boxes):
        ImageDraw.Draw(picture).rectangle(box, fill=(20 * number, 0, 90))
    return picture


def as_chromium_writes_it(picture: Image.Image) -> bytes:
    """A PNG whose rows have the filter "Up", and in it only differences to the row above."""
    pixels, size = picture.tobytes(), len(picture.getbands()) * picture.width
    rows, above = [], bytes(size)
    for place in range(0, len(pixels), size):
        row = pixels[place : place + size]
        rows.append(b"\x02" + bytes((one - other) % 256 for one, other in zip(row, above, strict=True)))
        above = row
    target = io.BytesIO()
    picture.save(target, "PNG")
    plain = target.getvalue()
    data = zlib.compress(b"".join(rows), 1)
    name = b"IDAT" + data
    end = len(data).to_bytes(4, "big") + name + zlib.crc32(name).to_bytes(4, "big")
    return plain[:33] + end + plain[-12:]


def counted(picture: Image.Image) -> float:
    levels = list(picture.convert("L").tobytes())
    most = max(set(levels), key=levels.count)
    return sum(abs(level - most) <= 3 for level in levels) / len(levels)


PICTURES: Final[dict[str, Callable[[], Image.Image]]] = {
    "one colour": drawn,
    "something above": lambda: drawn((0, 0, 30, 9)),
    "something below": lambda: drawn((100, 490, 130, 499)),
    "two boxes with rows between": lambda: drawn((5, 40, 30, 55), (300, 61, 310, 90)),
    "half of it": lambda: drawn((0, 0, 400, 249)),
    "a ladder": lambda: drawn(*((0, 40 * step, step + 9, 40 * step + 20) for step in range(12))),
    "each row another": lambda: drawn(*((0, y, 1 + y % 3, y) for y in range(HEIGHT))),
    "translucent": lambda: drawn((7, 7, 20, 70), mode="RGBA"),
}


@pytest.mark.parametrize("name", PICTURES)
async def test_the_share_is_that_of_all_pixels(name: str) -> None:
    picture = PICTURES[name]()
    share = await blank_share(as_chromium_writes_it(picture))
    assert share == pytest.approx(counted(picture), abs=1e-12)


@pytest.mark.parametrize("format_", ["PNG", "JPEG", "WEBP"])
async def test_the_share_is_told_of_other_encodings(format_: str) -> None:
    picture, target = drawn((50, 50, 60, 60)), io.BytesIO()
    picture.save(target, format_)
    assert await blank_share(target.getvalue()) == pytest.approx(counted(picture), abs=0.003)


async def test_an_empty_page_is_known_by_one_of_its_rows() -> None:
    found = changing_rows(as_chromium_writes_it(drawn()))
    assert found is not None
    assert found.repeats == {0: HEIGHT - 1}
    assert Image.open(io.BytesIO(found.png)).size == (WIDTH, 1)


@pytest.mark.parametrize("cut", [60, 150, 330])
async def test_of_a_broken_picture_nothing_is_told(cut: int) -> None:
    png = as_chromium_writes_it(drawn((5, 40, 30, 55)))
    assert len(png) > cut
    assert await blank_share(png[:cut]) is None
