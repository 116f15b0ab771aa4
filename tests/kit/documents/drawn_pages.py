"""Pictures that look like screenshots of web pages, drawn without a browser."""

import io
from typing import Final

from PIL import Image, ImageDraw

_WHITE: Final = (255, 255, 255)
_GREY: Final = (222, 226, 233)
_DARK: Final = (90, 98, 112)


def drawn_page(colour: tuple[int, int, int], *, height: int = 1400, offers: int = 6) -> bytes:
    """A PNG, 1280 pixels wide: a head in one colour, some lines, and so many boxes of offers."""
    picture = Image.new("RGB", (1280, height), _WHITE)
    draw = ImageDraw.Draw(picture)
    draw.rectangle((0, 0, 1280, 90), colour)
    draw.rectangle((60, 30, 260, 60), _WHITE)
    for number in range(4):
        draw.rectangle((760 + number * 120, 38, 850 + number * 120, 52), _WHITE)
    draw.rectangle((60, 150, 760, 190), _DARK)
    for number in range(5):
        draw.rectangle((60, 220 + number * 26, 1180 - number * 70, 232 + number * 26), _GREY)
    for number in range(offers):
        left, top = 60 + number % 3 * 400, 400 + number // 3 * 420
        draw.rectangle((left, top, left + 360, top + 240), tuple((part + 255) // 2 for part in colour))
        draw.rectangle((left, top + 260, left + 280, top + 278), _DARK)
        draw.rectangle((left, top + 296, left + 200, top + 310), _GREY)
    written = io.BytesIO()
    picture.save(written, "PNG", optimize=True)
    return written.getvalue()
