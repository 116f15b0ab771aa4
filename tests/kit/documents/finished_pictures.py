"""Whether a picture of one of the pages in `tests/site/finished` shows it finished."""

import io
from typing import Final

from PIL import Image, ImageChops

from tests.site import finished

# Pixels whose brightness differs by more, as a share of the picture: an edge more or less is right.
_DIFFERENT: Final = 24
_RIGHT: Final = 0.001
_BLACK_AND_WHITE: Final = [0] * (_DIFFERENT + 1) + [255] * (255 - _DIFFERENT)


def compared(picture: bytes) -> Image.Image:
    """The part of a picture that stays the same once the page is finished."""
    with Image.open(io.BytesIO(picture)) as image:
        return image.convert("RGB").crop(finished.COMPARED)


def is_same(picture: Image.Image, other: Image.Image) -> bool:
    """Whether a person sees no difference."""
    different = ImageChops.difference(picture, other).convert("L").point(_BLACK_AND_WHITE)
    return different.histogram()[255] <= _RIGHT * different.width * different.height
