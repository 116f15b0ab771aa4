"""Encodes one picture: the program of encoder.py, which hands over an `Encoding` as arguments."""

import io
import os

import oxipng
from PIL import AvifImagePlugin, Image, WebPImagePlugin  # noqa: F401 - or else Pillow imports all formats

from worker.render.picture.png_density import NO_TEXT, PHOTOGRAPHS, SOME_GRADIENTS, SPARSE, bytes_per_pixel

# One thread for each picture: the other cores belong to other renders.
os.environ["RAYON_NUM_THREADS"] = "1"
# Of libdeflate's twelve, the lowest with which no file is larger than Chromium's own. On gradients 8 takes
# four times as long as 6; photographs do not get smaller above 2.
_LEVEL_OF_SPARSE = 8
_LEVEL_OF_TEXT = 5
_LEVEL = 6
_LEVEL_OF_PHOTOGRAPHS = 3
_AVIF_SPEED = 10
_WEBP_LOSSLESS = 100
# Of WebP's methods 0 is the fastest. Higher ones take two to seven times as long, for files that are 10 to
# 40 % smaller: too long for a large picture.
_WEBP_METHOD = 4
_WEBP_METHOD_OF_LARGE = 0
_LARGE_PIXELS = 4_000_000


def work(png: bytes, format_: str, *figures: str) -> bytes:
    """Encode one picture.

    Args:
        png: as Chromium made it.
        format_: of the result.
        figures: quality, 1 for a small PNG, width and height (0: as they are).
    """
    quality, is_small, width, height = map(int, figures)
    if format_ != "png" or width:
        png = _encoded(png, format_, quality, size=(width, height) if width else None, is_small=is_small)
    return _small_png(png) if is_small else png


def _encoded(png: bytes, format_: str, quality: int, *, size: tuple[int, int] | None, is_small: int) -> bytes:
    Image.MAX_IMAGE_PIXELS = None  # it comes from our own browser, and its size was checked before
    target = io.BytesIO()
    with Image.open(io.BytesIO(png), formats=("PNG",)) as opened:
        picture = opened.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0) if size else opened
        is_large = picture.width * picture.height > _LARGE_PIXELS
        settings = {
            # What is made small afterwards need not be small before.
            "png": {"compress_level": 1 if is_small else 6},
            "jpeg": {"quality": quality},
            "webp": {
                "quality": quality,
                "lossless": quality == _WEBP_LOSSLESS,
                "method": _WEBP_METHOD_OF_LARGE if is_large else _WEBP_METHOD,
            },
            "avif": {"quality": quality, "speed": _AVIF_SPEED, "max_threads": 1},
        }
        picture.save(target, format_.upper(), **settings[format_])
    return target.getvalue()


def _small_png(png: bytes) -> bytes:
    """The same pixels in fewer bytes."""
    density = bytes_per_pixel(png)
    if density >= PHOTOGRAPHS:
        filters, level = [oxipng.RowFilter.Paeth], _LEVEL_OF_PHOTOGRAPHS
    elif density > NO_TEXT:  # each filter that is tried takes as long again
        filters, level = [oxipng.RowFilter.NoOp, oxipng.RowFilter.Paeth], _LEVEL
    else:
        filters = [oxipng.RowFilter.NoOp]
        if density > SOME_GRADIENTS:
            filters.append(oxipng.RowFilter.Sub)
        level = _LEVEL_OF_TEXT if density > SPARSE else _LEVEL_OF_SPARSE
    deflater = oxipng.Deflaters.libdeflater(level)
    # A grey picture has at most 256 colours, so that it becomes one with a palette: as small, but for the
    # palette. To look for grey as well takes a fifth of the time.
    return bytes(
        oxipng.optimize_from_memory(png, level=1, filter=filters, deflate=deflater, grayscale_reduction=False)
    )
