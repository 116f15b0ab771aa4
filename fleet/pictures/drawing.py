"""The difference picture: the second picture in pale grey, what differs in red, framed to be easy to find."""

import io
from collections.abc import Iterable
from typing import Final

from PIL import Image, ImageDraw

from fleet.pictures.difference import Box, Difference, Picture

# The colours by their numbers. Eight greys are enough to recognise a page. With 16 colours at most, two
# pixels share a byte of the file, which halves it.
_BITS: Final = 4
_RED, _FRAME, _WHITE, _DARKEST = range(4)
_GREYS: Final = tuple((208 + 6 * step,) * 3 for step in range(8))
_COLOURS: Final = ((230, 0, 60), (255, 150, 0), (255, 255, 255), *_GREYS)
_NUMBERS: Final = tuple(_DARKEST + (value >> 5) for value in range(256))
_FRAME_GAP_PX: Final = 6
_FRAME_WIDTH_PX: Final = 2


def drawn(grey: Picture, found: Difference, *, lowest: int, boxes: Iterable[Box]) -> bytes:
    """A PNG of the canvas' size.

    Args:
        grey: the second picture in grey.
        found: how it differs from the first one.
        lowest: marks of at least this value become red.
        boxes: get a frame each.
    """
    canvas = grey.point(_NUMBERS)
    if canvas.size != found.marks.size:
        page, canvas = canvas, Image.new("L", found.marks.size, _WHITE)
        canvas.paste(page)
    draw = ImageDraw.Draw(canvas)
    right, bottom = canvas.width - 1, canvas.height - 1
    for box in boxes:
        frame = (
            max(0, box[0] - _FRAME_GAP_PX),
            max(0, box[1] - _FRAME_GAP_PX),
            min(right, box[2] - 1 + _FRAME_GAP_PX),
            min(bottom, box[3] - 1 + _FRAME_GAP_PX),
        )
        draw.rectangle(frame, outline=_FRAME, width=_FRAME_WIDTH_PX)
    if area := found.marks.getbbox():
        canvas.paste(_RED, area, found.marks.crop(area).point([0] * lowest + [255] * (256 - lowest)))
    canvas.putpalette([part for colour in _COLOURS for part in colour])
    made = io.BytesIO()
    canvas.save(made, "PNG", compress_level=1, bits=_BITS)
    return made.getvalue()
