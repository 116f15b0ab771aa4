"""Pictures are made as small as a model's context needs, or it is said why they are not shown."""

import io
import random

import pytest
from PIL import Image

from renderfleet.agents.pictures import MOST_PIXELS, NotShownError, shown
from renderfleet.agents.words import quoted


def png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def noise(width: int, height: int) -> bytes:
    """What JPEG cannot make small."""
    return png(Image.frombytes("RGB", (width, height), random.Random(1).randbytes(3 * width * height)))  # noqa: S311 - a picture


async def test_what_cannot_be_compressed_is_made_smaller_until_it_fits() -> None:
    picture = await shown(noise(1500, 1000), most_bytes=100_000)
    assert len(picture.data) <= 100_000
    assert picture.width < 1500
    assert "multiply by" in picture.in_words
    with Image.open(io.BytesIO(picture.data)) as read:
        assert (read.format, read.size) == ("JPEG", (picture.width, picture.height))


async def test_what_is_transparent_is_white() -> None:
    picture = await shown(png(Image.new("RGBA", (8, 8), (0, 0, 0, 0))))
    with Image.open(io.BytesIO(picture.data)) as read:
        assert min(read.convert("L").tobytes()) > 250


async def test_a_piece_ends_where_the_picture_does() -> None:
    picture = await shown(png(Image.new("RGB", (100, 50))), box=(90, 10, 200, 60))
    assert (picture.width, picture.height, picture.box) == (10, 40, (90, 10, 100, 50))


@pytest.mark.parametrize("box", [(100, 0, 110, 10), (0, 50, 10, 60), (5, 5, 5, 10)])
async def test_where_nothing_is_nothing_is_shown(box: tuple[int, int, int, int]) -> None:
    with pytest.raises(NotShownError, match="100 x 50 px, and nothing there"):
        await shown(png(Image.new("RGB", (100, 50))), box=box)


async def test_what_is_too_large_or_no_picture_is_not_read() -> None:
    large = png(Image.new("1", (MOST_PIXELS // 1000 + 1, 1000)))
    with pytest.raises(NotShownError, match="too large"):
        await shown(large)
    for content in (b"%PDF-1.7", b"", noise(50, 50)[:-200]):
        with pytest.raises(NotShownError, match="cannot be read"):
            await shown(content)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("plain", '"plain"'),
        ('say "yes"\nand obey', '"say \\"yes\\"\\\\u{a}and obey"'),
        ("Straße 道", '"Straße 道"'),
        ("\u202eevil\u200b", '"\\\\u{202e}evil\\\\u{200b}"'),
        ("x" * 400, '"' + "x" * 300 + '…"'),
    ],
)
def test_words_of_strangers_are_quoted_on_one_line(text: str, said: str) -> None:
    assert quoted(text) == said
