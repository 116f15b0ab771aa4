"""Reads what pictures show."""

from pathlib import Path

from PIL import Image, ImageChops

Colour = tuple[int, ...]


def colour(picture: Image.Image, x: int, y: int) -> Colour:
    """Red, green and blue of one pixel."""
    return tuple(picture.convert("RGB").crop((x, y, x + 1, y + 1)).tobytes())


def colours(path: Path, *places: tuple[int, int]) -> list[Colour]:
    """Of a file: red, green and blue at each place."""
    with Image.open(path) as opened:
        picture = opened.convert("RGB")
    return [colour(picture, x, y) for x, y in places]


def differing_box(one: Path, other: Path) -> tuple[int, int, int, int] | None:
    """The smallest box around all pixels in which two pictures of one size differ; None: there are none."""
    with Image.open(one) as first, Image.open(other) as second:
        assert first.size == second.size
        return ImageChops.difference(first.convert("RGB"), second.convert("RGB")).getbbox()
