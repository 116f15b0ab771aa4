"""Generated photographs: smooth colours with noise, so that they compress like real ones."""

import functools
import io
import random

from PIL import Image

WIDTH_PX = 900
HEIGHT_PX = 600


@functools.cache
def photo(number: int) -> bytes:
    """A JPEG of about 80 KB; the same for each number on all machines with the same version of Pillow."""
    numbers = random.Random(number)  # noqa: S311 - the same picture every time
    size = (WIDTH_PX, HEIGHT_PX)
    smooth = Image.frombytes("RGB", (9, 6), numbers.randbytes(9 * 6 * 3)).resize(
        size, Image.Resampling.BICUBIC
    )
    noise = Image.frombytes("RGB", (450, 300), numbers.randbytes(450 * 300 * 3)).resize(
        size, Image.Resampling.BILINEAR
    )
    file = io.BytesIO()
    Image.blend(smooth, noise, 0.12).save(file, "JPEG", quality=85)
    return file.getvalue()
