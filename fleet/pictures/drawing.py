"""The difference picture: the second picture in pale grey, what differs in red, framed to be easy to find."""

from collections.abc import Iterable
from typing import Final

import numpy as np

from fleet.pictures import png
from fleet.pictures.difference import Box, Difference, Picture, Pixels

# The colours by their numbers. Eight greys are enough to recognise a page. With 16 colours at most, two
# pixels share a byte of the file, which halves it.
_BITS: Final = 4
_FRAME, _WHITE, _DARKEST = range(1, 4)  # red is 0
_GREYS: Final = tuple((208 + 6 * step,) * 3 for step in range(8))
_COLOURS: Final = ((230, 0, 60), (255, 150, 0), (255, 255, 255), *_GREYS)
_GREY_STEP_BITS: Final = 5  # 256 values become 8
_FRAME_GAP_PX: Final = 6
_FRAME_WIDTH_PX: Final = 2
_LEVEL: Final = 1


def drawn(grey: Picture, found: Difference, *, lowest: int, boxes: Iterable[Box]) -> bytes:
    """A PNG of the canvas' size.

    Args:
        grey: the second picture in grey.
        found: how it differs from the first one.
        lowest: marks of at least this value become red.
        boxes: get a frame each.
    """
    canvas = np.full(found.marks.shape, _WHITE, np.uint8)
    canvas[: grey.height, : grey.width] = (np.asarray(grey) >> _GREY_STEP_BITS) + _DARKEST
    for box in boxes:
        _frame(canvas, box)
    canvas *= found.marks < lowest  # red is colour 0; to assign it takes four times as long
    return _encoded(canvas)


def _frame(canvas: Pixels, box: Box) -> None:
    height, width = canvas.shape
    left, top = (max(0, side - _FRAME_GAP_PX) for side in box[:2])
    right, bottom = min(width, box[2] + _FRAME_GAP_PX), min(height, box[3] + _FRAME_GAP_PX)
    inside = (
        slice(top + _FRAME_WIDTH_PX, bottom - _FRAME_WIDTH_PX),
        slice(left + _FRAME_WIDTH_PX, right - _FRAME_WIDTH_PX),
    )
    kept = canvas[inside].copy()
    canvas[top:bottom, left:right] = _FRAME
    canvas[inside] = kept


def _encoded(canvas: Pixels) -> bytes:
    """A PNG in which two pixels share a byte."""
    height, width = canvas.shape
    rows = np.full((height, 1 + (width + 1) // 2), png.NO_FILTER, np.uint8)
    rows[:, 1:] = canvas[:, ::2] << _BITS
    rows[:, 1 : 1 + width // 2] |= canvas[:, 1::2]
    head = (width, height, _BITS, png.PALETTE, 0, 0, 0)
    palette = bytes(part for colour in _COLOURS for part in colour)
    return png.written(head, rows.data, level=_LEVEL, others=[(b"PLTE", palette)])
