"""Makes a PNG smaller of which little is drawn, in a thread of this process.

Such a picture takes Chromium so little time that there is none left to hand it to another process, as
encoder.py does with others. numpy and libdeflate do the work, and do not hold Python's global lock meanwhile.
"""

from typing import Final

import deflate
import numpy as np
import numpy.typing as npt

from fleet.pictures import png
from worker.render.picture.palette import CHANNELS, has_many_colours, in_palette

Rows = npt.NDArray[np.uint8]  # one for each row of the picture: the number of its filter, then its bytes

_RGB: Final = (8, png.RGB, 0, 0, 0)  # eight bits for each of three channels
# Of libdeflate's twelve, the lowest with which pictures are not larger than Chromium's own, but for few with
# gradients (docs/capture.md).
_LEVEL: Final = 7
# Of the rows, that are looked at for a palette here: with more of them oxipng is as fast.
_MOST_IN_COLOURS: Final = 1 / 3
# Enough to see that there are many colours.
_SAMPLED_ROWS: Final = 64
_FREED_BYTES: Final = 8 * 1024 * 1024

# glibc gives freed memory back to the kernel, and to get it anew takes a quarter of the time of a picture. It
# keeps up to twice the largest block that was ever freed (mallopt(3), M_MMAP_THRESHOLD). So free one: 8 MiB,
# never written to.
bytearray(_FREED_BYTES)


def smaller(fast: bytes) -> bytes | None:
    """The same pixels in fewer bytes.

    Args:
        fast: Chromium's fast PNG, in which each row holds its differences to the row above (the filter "Up").

    Returns:
        None if this is another kind of PNG, or if much is drawn in it in colours that may fit into a palette:
        then small_png.py makes a file that is half as large.
    """
    head = width, height, *kind = png.header(fast)
    if tuple(kind) != _RGB:
        return None
    row_bytes = 1 + width * CHANNELS
    unpacked = deflate.zlib_decompress(png.image_data(fast), height * row_bytes)
    rows = np.frombuffer(unpacked, np.uint8).reshape(height, row_bytes)
    if (rows[:, 0] != png.UP).any():
        return None
    is_changing = rows[:, 1:].any(axis=1) | (np.arange(height) == 0)  # above the first row is nothing
    changing = np.flatnonzero(is_changing)
    _undo_filter(rows, changing)
    others = png.other_chunks(fast)
    if has_many_colours(rows[changing[:: 1 + changing.size // _SAMPLED_ROWS], 1:]):
        return png.written(head, unpacked, level=_LEVEL, others=others)
    if changing.size > height * _MOST_IN_COLOURS:
        return None
    palette = in_palette(rows[changing, 1:])
    if palette is None:
        return None
    indexed = np.full((height, 1 + width), png.NO_FILTER, np.uint8)
    indexed[:, 1:] = palette.numbers[np.cumsum(is_changing) - 1]
    head = (width, height, 8, png.PALETTE, 0, 0, 0)
    others = (*others, (b"PLTE", palette.colours))
    return png.written(head, indexed.tobytes(), level=_LEVEL, others=others)


def _undo_filter(rows: Rows, changing: npt.NDArray[np.intp]) -> None:
    """Let the rows that differ from the one above hold their pixels. The others stay: zeros are the shortest.

    libdeflate looks for what it has seen before, and finds it better among pixels than among differences.
    """
    above: Rows | int = 0
    for number in changing:
        rows[number, 0] = png.NO_FILTER
        row = rows[number, 1:]
        row += above
        above = row
