"""What counts as a difference of two pictures, where it is, and what is no picture."""

import io
from collections.abc import Callable

import pytest
from PIL import Image, ImageDraw

from fleet.pictures.compare import MAX_PIXELS, IncomparableError, compare, fingerprint, hash_distance
from fleet.pictures.options import Method, Region

Draw = ImageDraw.ImageDraw
Box = tuple[int, int, int, int]
VISIBLE, PIXELS = Method.VISIBLE, Method.PIXELS
CIRCLE = (100, 40, 180, 120)


def picture(
    draw: Callable[[Draw], None] = lambda _: None,
    *,
    size: tuple[int, int] = (400, 300),
    mode: str = "RGB",
    format_: str = "PNG",
    colour: object = "white",
) -> bytes:
    made = Image.new(mode, size, colour)  # type: ignore[arg-type] # tuples and names
    draw(ImageDraw.Draw(made))
    written = io.BytesIO()
    made.save(written, format_, method=0)  # of WebP the fastest
    return written.getvalue()


def dot(x: int, y: int, colour: object = "black") -> Callable[[Draw], None]:
    return lambda draw: draw.point((x, y), colour)  # type: ignore[arg-type]


@pytest.mark.parametrize("mode", ["RGB", "RGBA"])
@pytest.mark.parametrize(("ground", "colour"), [("white", "black"), ("black", "white")])
async def test_one_pixel_is_found_where_it_is_in_either_picture(mode: str, ground: str, colour: str) -> None:
    plain = picture(mode=mode, colour=ground)
    for place in ((0, 0), (399, 299), (200, 150)):
        marked = picture(dot(*place, colour), mode=mode, colour=ground)
        for pair in ((plain, marked), (marked, plain)):
            found = await compare(*pair, method=VISIBLE)
            assert found.share == found.differing_share == 1 / (400 * 300)
            assert found.boxes == (Region(x=place[0], y=place[1], width=1, height=1),)


async def test_a_change_beyond_the_first_band_is_found_once() -> None:
    size = (1000, 2500)  # bands of 1,000 rows
    mark = lambda draw: draw.rectangle((10, 995, 19, 1004), "black")  # noqa: E731
    found = await compare(picture(size=size), picture(mark, size=size), method=VISIBLE)
    assert found.share == 100 / 2_500_000
    assert found.boxes == (Region(x=10, y=995, width=10, height=10),)


@pytest.mark.parametrize(
    ("half", "line"), [((200, 0, 400, 300), (200, 0, 200, 300)), ((0, 150, 400, 300), (0, 150, 400, 150))]
)
async def test_a_colour_between_its_neighbours_is_not_seen(half: Box, line: Box) -> None:
    def edge(draw: Draw) -> None:
        draw.rectangle(half, "black")

    def smoothed(draw: Draw) -> None:
        edge(draw)
        draw.line(line, "#777")

    found = await compare(picture(edge), picture(smoothed), method=VISIBLE)
    assert (found.share, found.boxes, found.image) == (0, (), b"")
    assert found.differing_share > 0
    assert (await compare(picture(edge), picture(smoothed), method=PIXELS)).boxes


async def test_a_step_beyond_the_tolerance_is_seen() -> None:
    for step, expected in ((4, 0), (5, 1)):
        other = picture(colour=(255 - step, 255, 255))
        assert (await compare(picture(), other, method=VISIBLE)).share == expected


async def test_what_is_ignored_counts_in_no_way_whatever_the_mode() -> None:
    region = Region(x=90, y=30, width=5000, height=100)
    marked = picture(lambda draw: draw.ellipse(CIRCLE, "red"), mode="RGBA")
    found = await compare(picture(), marked, method=PIXELS, ignored=[region])
    assert (found.differing_share, found.hash_distance, found.image) == (0, 0, b"")
    longer = picture(size=(400, 310))
    below = Region(x=0, y=300, width=400, height=10)
    assert (await compare(picture(), longer, method=VISIBLE)).share == 10 / 310
    ignoring = await compare(picture(), longer, method=VISIBLE, ignored=[below])
    assert (ignoring.share, ignoring.sizes_differ) == (0, True)


async def test_transparency_is_a_difference() -> None:
    clear = picture(mode="RGBA", colour=(255, 255, 255, 0))
    assert (await compare(picture(), clear, method=VISIBLE)).share == 1
    opaque = picture(mode="RGBA")
    assert (await compare(picture(), opaque, method=PIXELS)).differing_share == 0


async def test_of_many_places_the_last_box_has_the_rest() -> None:
    def dots(draw: Draw) -> None:
        for number in range(25):
            draw.point((10, number * 40), "black")

    size = (400, 1000)
    found = await compare(picture(size=size), picture(dots, size=size), method=VISIBLE)
    assert len(found.boxes) == 20
    assert found.boxes[-1] == Region(x=10, y=19 * 40, width=1, height=5 * 40 + 1)


async def test_fingerprints_are_those_of_pixels_or_of_shapes() -> None:
    small, large = (
        picture(lambda draw: draw.rectangle((20, 20, 300, 200), "red"), format_=f) for f in ("PNG", "WEBP")
    )
    pixels = {await fingerprint(content, method=VISIBLE) for content in (small, small, picture(dot(1, 1)))}
    assert len(pixels) == 2
    hashes = [await fingerprint(content, method=Method.PERCEPTUAL) for content in (small, large)]
    assert (hash_distance(*hashes) or 0) <= 10
    assert hash_distance(hashes[0], pixels.pop()) is None


@pytest.mark.parametrize("content", [b"", b"%PDF-1.4", b"\x89PNG\r\n\x1a\nbroken", picture()[:-30]])
async def test_what_is_no_picture_says_so(content: bytes) -> None:
    for pair, number in (((content, picture()), 0), ((picture(), content), 1)):
        with pytest.raises(IncomparableError, match="it cannot be decoded") as caught:
            await compare(*pair, method=VISIBLE)
        assert caught.value.number == number


async def test_a_picture_that_is_too_large_is_not_decoded() -> None:
    large = picture(size=(16_000, MAX_PIXELS["WEBP"] // 16_000 + 1), format_="WEBP")
    with pytest.raises(IncomparableError, match="too many for WEBP"):
        await compare(picture(), large, method=VISIBLE)
