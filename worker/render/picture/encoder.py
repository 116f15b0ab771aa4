"""Encodes a picture of Chromium's anew: as another format, in another size, or as a smaller PNG.

It is done in a process of its own for each picture (encoder_program.py). The library for small
PNG files holds Python's global lock for all of its work, pictures take memory that a process gives back with
its end, and a process can be killed when its render is. Its start takes 15 ms of CPU, and 60 more with
Pillow (measured).
"""

import asyncio
import os
import sys
import sysconfig
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from fleet.errors import ErrorType, RenderError
from worker.browser.launch.child_environment import for_browser

_PROGRAM: Final = Path(__file__).with_name("encoder_program.py")
# Python without what it looks up at its start: 10 ms instead of 16.
_FAST_START: Final = ("-S", "-s", "-P")
_LIBRARIES: Final = sysconfig.get_path("purelib")


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
    """The picture as asked. If the caller is cancelled, the process is killed.

    Raises:
        RenderError: `internal_error`: the process failed.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *_FAST_START,
        str(_PROGRAM),
        *encoding.words(),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        # One thread for each picture: the other cores belong to other renders.
        env=for_browser(os.environ) | {"PYTHONPATH": _LIBRARIES, "RAYON_NUM_THREADS": "1"},
    )
    try:
        encoded, _ = await process.communicate(png)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if process.returncode != 0 or not encoded:
        detail = f"the picture could not be encoded as {encoding.format}"
        raise RenderError(ErrorType.INTERNAL_ERROR, detail)
    return encoded
