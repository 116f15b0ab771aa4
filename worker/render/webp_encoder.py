"""Makes a WebP picture of a PNG in a process of its own: `python -m worker.render.webp_encoder QUALITY`.

Chromium encodes pictures in the browser process, on the thread that answers all pages. A WebP of 40 million
pixels keeps it busy for 4 to 10 s, in which no other page goes on, and the browser is taken for hung. A PNG
takes a quarter of that. So Chromium takes large pictures as PNG, and this program does the rest. It reads the
PNG from standard input and writes the WebP to standard output.
"""

import asyncio
import io
import sys
from typing import Final

from fleet.errors import ErrorType, RenderError

# As Chromium: quality 100 is lossless.
_LOSSLESS: Final = 100
# The fastest one. Higher ones take two to seven times as long, for files that are 10 to 40 % smaller.
_METHOD: Final = 0


async def encode(png: bytes, quality: int, environment: dict[str, str]) -> bytes:
    """The picture as WebP. If the caller is cancelled, the process is killed.

    Args:
        png: the picture.
        quality: 1 to 100; 100 is lossless.
        environment: of the process; nothing secret.

    Raises:
        RenderError: `internal_error`: the process failed.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "worker.render.webp_encoder",
        str(quality),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        env=environment,
    )
    try:
        webp, _ = await process.communicate(png)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0 or not webp:
        raise RenderError(ErrorType.INTERNAL_ERROR, "the picture could not be encoded as WebP")
    return webp


def main(quality: int) -> None:
    """Encode one picture."""
    from PIL import Image  # noqa: PLC0415 - not needed by the worker, which imports this module

    Image.MAX_IMAGE_PIXELS = None  # it comes from our own browser, and its size was checked before
    target = io.BytesIO()
    with Image.open(io.BytesIO(sys.stdin.buffer.read()), formats=("PNG",)) as picture:
        picture.save(target, "WEBP", quality=quality, lossless=quality == _LOSSLESS, method=_METHOD)
    sys.stdout.buffer.write(target.getbuffer())


if __name__ == "__main__":
    main(int(sys.argv[1]))
