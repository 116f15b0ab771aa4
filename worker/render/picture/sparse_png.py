"""Makes a PNG smaller of which little is drawn, in a thread of this process.

Such a picture takes Chromium so little time that there is none left to hand it to another process, as
encoder.py does with others. numpy and libdeflate do the work, and do not hold Python's global lock meanwhile.
"""

from typing import Final

import deflate
import numpy as np
import numpy.typing as npt

from fleet.pictures import png

Rows = npt.NDArray[np.uint8]  # one for each row of the picture: the number of its filter, then its bytes

_RGB: Final = (8, png.RGB, 0, 0, 0)  # eight bits for each of three channels
_CHANNELS: Final = 3
# Of libdeflate's twelve, the lowest with which pictures are not larger than Chromium's own, but for few with
# gradients (docs/capture.md).
_LEVEL: Final = 7
_MOST_IN_PALETTE: Final = 256
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
        None if this is another kind of PNG, or if its colours may fit into a palette: then encoder.py makes a
        file that is half as large.
    """
    width, height, *kind = head = png.header(fast)
    if tuple(kind) != _RGB:
        return None
    row_bytes = 1 + width * _CHANNELS
    unpacked = deflate.zlib_decompress(png.image_data(fast), height * row_bytes)
    rows = np.frombuffer(unpacked, np.uint8).reshape(height, row_bytes)
    if (rows[:, 0] != png.UP).any():
        return None
    changing = np.flatnonzero(rows[:, 1:].any(axis=1))
    _undo_filter(rows, changing)
    if not _has_many_colours(rows[changing[:: 1 + changing.size // _SAMPLED_ROWS], 1:]):
        return None
    return png.written(head, unpacked, level=_LEVEL, others=png.other_chunks(fast))


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


def _has_many_colours(rows: Rows) -> bool:
    """Whether these rows alone have more colours than a palette has places.

    Each colour gets one of 65,536 numbers. Two colours may get the same, so that there are as many colours as
    numbers, or more.
    """
    red, green, blue = (rows[:, channel::_CHANNELS].astype(np.uint16) for channel in range(_CHANNELS))
    is_there = np.zeros(1 << 16, np.bool_)
    is_there[red * np.uint16(7) ^ green * np.uint16(263) ^ blue * np.uint16(8191)] = True
    return int(np.count_nonzero(is_there)) > _MOST_IN_PALETTE
