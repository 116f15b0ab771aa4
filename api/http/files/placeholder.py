"""Pictures that a link answers with if its render fails, so that a page does not show a broken image."""

from enum import StrEnum
from functools import lru_cache
from io import BytesIO
from typing import Final

MEDIA_TYPE: Final = "image/png"
# The page scales the picture to its place; at this size the words can be read.
MAX_SIDE_PX: Final = 1_280
# Pictures in the cache: one for each size and text, with a few KB each.
_MAX_CACHED: Final = 64
_BACKGROUND: Final = 0xE8
_FOREGROUND: Final = 0x55
_MIN_FONT_PX: Final = 8
_MAX_FONT_PX: Final = 28
_CHARACTERS_IN_A_LINE: Final = 34  # of the longest title, at a width of about 0.55 em each

# One transparent pixel: 8 bits of grey and 8 of alpha, deflated (the PNG specification, 11.2).
TRANSPARENT: Final = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010804000000b51c0c02"
    "0000000b4944415478da6360600000000300012b094d840000000049454e44ae426082"
)


class Placeholder(StrEnum):
    """Which picture is shown instead."""

    TRANSPARENT = "transparent"
    ERROR = "error"


def placeholder_picture(kind: Placeholder, words: str, *, width_px: int, height_px: int) -> bytes:
    """Make a placeholder, as PNG.

    Args:
        kind: which placeholder.
        words: the text in the picture: why the render failed.
        width_px: width of the picture that was asked for. Very large pictures are made smaller.
        height_px: its height.
    """
    if kind is Placeholder.TRANSPARENT:
        return TRANSPARENT
    scale = min(1.0, MAX_SIDE_PX / max(width_px, height_px))
    return _drawn(words, max(1, round(width_px * scale)), max(1, round(height_px * scale)))


@lru_cache(maxsize=_MAX_CACHED)
def _drawn(words: str, width_px: int, height_px: int) -> bytes:
    from PIL import Image, ImageDraw, ImageFont  # noqa: PLC0415 - 6 MB, which a process without failures does not need

    picture = Image.new("L", (width_px, height_px), _BACKGROUND)
    pen = ImageDraw.Draw(picture)
    size = max(_MIN_FONT_PX, min(_MAX_FONT_PX, round(width_px / _CHARACTERS_IN_A_LINE / 0.55)))
    pen.rectangle((0, 0, width_px - 1, height_px - 1), outline=_FOREGROUND)
    pen.text(
        (width_px / 2, height_px / 2),
        _wrapped(words),
        fill=_FOREGROUND,
        font=ImageFont.load_default(size),
        anchor="mm",
        align="center",
    )
    file = BytesIO()
    picture.save(file, "PNG", optimize=True)
    return file.getvalue()


def _wrapped(words: str) -> str:
    lines = [""]
    for word in words.split():
        if lines[-1] and len(lines[-1]) + 1 + len(word) > _CHARACTERS_IN_A_LINE:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "\n".join(lines)
