"""Encodes one picture: the program of encoder.py, which hands over an `Encoding` as arguments."""

import io

from PIL import AvifImagePlugin, Image, WebPImagePlugin  # noqa: F401 - or else Pillow imports all formats

from worker.render.picture.small_png import smaller

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
    return smaller(png) if is_small else png


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
