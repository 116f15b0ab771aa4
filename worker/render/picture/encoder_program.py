"""Encodes one picture: reads a PNG from standard input and writes the result to standard output.

A program of its own, started by encoder.py with the words of an `Encoding`: format, quality, 1
for a small PNG, width and height (0: as they are). Each import takes time, so it imports nothing of ours, of
the standard library next to nothing, and of other libraries only what the picture needs.
"""

import io
import sys

# Bytes for each pixel of Chromium's fast PNG: 0.02 to 0.2 for a page of text, more than 0.5 for gradients and
# for pages with photographs, more than 1 for pages of photographs alone.
_NO_TEXT = 0.5
_PHOTOGRAPHS = 1.0
# Of libdeflate's twelve: from 9 on the time grows faster than the file shrinks, below 8 some files are larger
# than Chromium's own.
_DEFLATE_LEVEL = 8
_AVIF_SPEED = 10
_WEBP_LOSSLESS = 100
# Of WebP's methods 0 is the fastest. Higher ones take two to seven times as long, for files that are 10 to
# 40 % smaller: too long for a large picture.
_WEBP_METHOD = 4
_WEBP_METHOD_OF_LARGE = 0
_LARGE_PIXELS = 4_000_000


def main(format_: str, quality: int, is_small: int, width: int, height: int) -> None:
    """Encode one picture."""
    data = sys.stdin.buffer.read()
    if format_ != "png" or width:
        data = _encoded(data, format_, quality, size=(width, height) if width else None, is_small=is_small)
    if is_small:
        data = _small_png(data)
    sys.stdout.buffer.write(data)


def _encoded(png: bytes, format_: str, quality: int, *, size: tuple[int, int] | None, is_small: int) -> bytes:
    from PIL import Image  # noqa: PLC0415 - see the module's first lines

    if format_ == "avif":
        from PIL import AvifImagePlugin  # noqa: F401, PLC0415 - or else Pillow imports all formats
    elif format_ == "webp":
        from PIL import WebPImagePlugin  # noqa: F401, PLC0415

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
    import oxipng  # noqa: PLC0415 - see the module's first lines

    width, height = int.from_bytes(png[16:20], "big"), int.from_bytes(png[20:24], "big")
    bytes_per_pixel = len(png) / (width * height)
    filters = []  # each that is tried takes as long again
    if bytes_per_pixel < _PHOTOGRAPHS:
        filters.append(oxipng.RowFilter.NoOp)
    if bytes_per_pixel > _NO_TEXT:
        filters.append(oxipng.RowFilter.Paeth)
    deflater = oxipng.Deflaters.libdeflater(_DEFLATE_LEVEL)
    return bytes(oxipng.optimize_from_memory(png, level=1, filter=filters, deflate=deflater))


if __name__ == "__main__":
    main(sys.argv[1], *map(int, sys.argv[2:]))
