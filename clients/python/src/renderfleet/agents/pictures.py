"""Pictures in a size that fits into a model's context. Made in a thread: it takes up to a second.

A model reads no more than about 1,568 px of the longer side (Anthropic's manual, "Vision"), and clients
refuse pictures of more than 8,000 px. How much smaller a picture was made is always said, so that places in
it can be named.
"""

import asyncio
import io
from dataclasses import dataclass
from typing import Final

from PIL import Image, UnidentifiedImageError

PREVIEW_SIDE: Final = 1568
PREVIEW_BYTES: Final = 500_000
FULL_SIDE: Final = 8_000
FULL_BYTES: Final = 4_000_000
# A picture needs four bytes a pixel while it is read, and one is read at a time.
MOST_PIXELS: Final = 60_000_000
_QUALITIES: Final = (85, 70, 55)
_SMALLER: Final = 0.8
_ONE_AT_A_TIME: Final = asyncio.Semaphore(1)

Box = tuple[int, int, int, int]


class NotShownError(Exception):
    """A picture cannot be shown; the text says why, in a sentence."""


@dataclass(frozen=True, slots=True)
class ShownPicture:
    """A picture as a model gets it.

    Attributes:
        box: which part of the whole picture it shows: left, top, right, bottom.
        whole: width and height of the whole picture.
    """

    data: bytes
    content_type: str
    width: int
    height: int
    box: Box
    whole: tuple[int, int]

    @property
    def in_words(self) -> str:
        """Which part, and how large."""
        left, top, right, bottom = self.box
        width, height = self.whole
        is_all = (left, top, right, bottom) == (0, 0, width, height)
        part = "all of it" if is_all else f"the part from ({left}, {top}) to ({right}, {bottom})"
        if self.width == right - left:
            return f"Shown is {part}, in full size."
        factor = (right - left) / self.width
        return (
            f"Shown is {part}, as {self.width} x {self.height} px ({100 / factor:.0f} %): multiply by "
            f"{factor:.2f} to get places in the whole picture; `look` shows a piece in full size."
        )


async def shown(
    content: bytes, *, box: Box | None = None, most_side: int = PREVIEW_SIDE, most_bytes: int = PREVIEW_BYTES
) -> ShownPicture:
    """A picture, or a part of it, that is small enough.

    Args:
        content: the file.
        box: the part; None: all of it.
        most_side: in pixels; if its longer side is longer, it is made smaller.
        most_bytes: of the result.

    Raises:
        NotShownError: it is no picture, has too many pixels, or has no such part.
    """
    async with _ONE_AT_A_TIME:
        return await asyncio.to_thread(_shown, content, box, most_side, most_bytes)


def _shown(content: bytes, box: Box | None, most_side: int, most_bytes: int) -> ShownPicture:
    try:
        with Image.open(io.BytesIO(content)) as picture:
            whole = picture.size
            if whole[0] * whole[1] > MOST_PIXELS:
                raise NotShownError(
                    f"a picture of {whole[0]} x {whole[1]} px is too large to be shown; its link leads to it"
                )
            box = _checked(box or (0, 0, *whole), whole)
            part = _opaque(picture.crop(box))
    except Image.DecompressionBombError as error:
        raise NotShownError("the picture is too large to be shown; its link leads to it") from error
    except (UnidentifiedImageError, OSError) as error:
        raise NotShownError("it cannot be read as a picture") from error
    part.thumbnail((most_side, most_side))
    data = _jpeg(part, most_bytes)
    while data is None:
        part = part.resize((max(1, int(part.width * _SMALLER)), max(1, int(part.height * _SMALLER))))
        data = _jpeg(part, most_bytes)
    return ShownPicture(data, "image/jpeg", part.width, part.height, box, whole)


def _checked(box: Box, whole: tuple[int, int]) -> Box:
    left, top, right, bottom = box
    cut = (left, top, min(right, whole[0]), min(bottom, whole[1]))
    if cut[0] >= cut[2] or cut[1] >= cut[3]:
        raise NotShownError(f"the picture has {whole[0]} x {whole[1]} px, and nothing there")
    return cut


def _opaque(picture: Image.Image) -> Image.Image:
    """On white, because JPEG knows no transparency."""
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    seen = picture.convert("RGBA")
    white = Image.new("RGB", seen.size, "white")
    white.paste(seen, mask=seen.getchannel("A"))
    return white


def _jpeg(picture: Image.Image, most_bytes: int) -> bytes | None:
    """As JPEG, as good as fits. None: none fits."""
    for quality in _QUALITIES:
        file = io.BytesIO()
        picture.save(file, "JPEG", quality=quality, optimize=True)
        if file.tell() <= most_bytes:
            return file.getvalue()
    return None
