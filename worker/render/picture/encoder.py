"""Encodes a picture of Chromium's anew: as another format, in another size, or as a smaller PNG.

It is done in another process (encoder_program.py). The library for small PNG files holds Python's global
lock for all of its work, pictures take memory that a process gives back with its end, and a process can be
killed when its render is. Small PNG files share one, after each other: to fork a process takes 9 ms of CPU,
as much as to encode a simple page. They may, since what comes is no stranger's file: Chromium's browser
process has made it, out of pixels.

A page of text needs no other process: its PNG is smaller in 6 ms, and to hand it over takes as long again. So
it is done in a thread of this one.
"""

import asyncio
import os
from dataclasses import dataclass
from typing import Final

from fleet.confined.limits import ConfinedError, Limits
from fleet.confined.program import ConfinedProgram
from fleet.errors import ErrorType, RenderError
from worker.render.picture.png_density import SOME_GRADIENTS, SPARSE, bytes_per_pixel, pixels

_PROGRAM: Final = ConfinedProgram("worker.render.picture.encoder_program")
# Against a library that hangs: the size of the picture was checked, and the attempt has a deadline.
_LIMITS: Final = Limits(cpu_s=600, wall_s=600, memory_bytes=None, output_bytes=2**30)

# The process that waits for the next picture keeps 28 MB after a PNG of so many pixels; after an AVIF 90.
_MOST_SHARED_PIXELS: Final = 4_000_000
# Of a page of text that is encoded here: Python's global lock is held for 6 ms for a million pixels.
_MOST_TEXT_PIXELS: Final = 2_000_000


@dataclass(frozen=True, slots=True)
class Encoding:
    """What becomes of a PNG of Chromium's.

    Attributes:
        format: png, jpeg, webp or avif.
        quality: 1 to 100, for all but png; 100 is lossless for webp.
        is_small: whether a PNG is made as small as it can be in reasonable time.
        size: width and height of the result in pixels; None: as they are.
    """

    format: str
    quality: int
    is_small: bool = False
    size: tuple[int, int] | None = None

    def words(self) -> tuple[str, ...]:
        """The program's arguments."""
        width, height = self.size or (0, 0)
        return self.format, str(self.quality), str(int(self.is_small)), str(width), str(height)


async def encode(png: bytes, encoding: Encoding) -> bytes:
    """The picture as asked. If the caller is cancelled, a process that works on it is killed.

    Raises:
        RenderError: `internal_error`: the process failed.
    """
    try:
        if encoding.is_small and not encoding.size and (smaller := await _smaller_here(png)):
            return smaller
        is_shared = encoding.format == "png" and not _is_large(png, encoding)
        return await _PROGRAM.run(png, *encoding.words(), limits=_LIMITS, is_shared=is_shared)
    except (ConfinedError, ValueError) as error:
        detail = f"the picture could not be encoded as {encoding.format}"
        raise RenderError(ErrorType.INTERNAL_ERROR, detail) from error


def _is_large(png: bytes, encoding: Encoding) -> bool:
    """Whether the picture is, before or afterwards."""
    width, height = encoding.size or (0, 0)
    return max(pixels(png), width * height) > _MOST_SHARED_PIXELS


async def _smaller_here(png: bytes) -> bytes | None:
    """The smaller PNG; None: it takes too long for this process."""
    # Or else numpy starts a thread for each core, for matrices, of which there are none.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from worker.render.picture import small_png, sparse_png  # noqa: PLC0415 - 20 MB, for those who need them

    density, size = bytes_per_pixel(png), pixels(png)
    smaller = None
    if density < SPARSE and size <= _MOST_SHARED_PIXELS:
        smaller = await asyncio.to_thread(sparse_png.smaller, png)
    if smaller is None and density < SOME_GRADIENTS and size <= _MOST_TEXT_PIXELS:
        smaller = await asyncio.to_thread(small_png.smaller, png)
    return smaller
