"""What differs between two decoded pictures, and what of it can be seen. For what is imported see program.py.

A pixel can be seen to differ if its colour does not lie between the colours that the other picture has at the
same place and beside it (3 x 3 pixels), give or take `TOLERANCE`, in one of the two directions. Where an edge
is smoothed anew, or lies a fraction of a pixel further, each pixel keeps a colour between those beside it.
Where a stroke, a word or a surface was not there before, no colour nearby explains it. The figures behind the
tolerance are in docs/compare.md.

Channels are worked on one by one: those that are the same in both pictures, or repeat the red one as in all
that is grey, need no work at all. Pillow finds where something differs; numpy does the rest, as it works on
many pixels with one instruction.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageChops

Box: TypeAlias = tuple[int, int, int, int]  # left, top, right, bottom
Picture: TypeAlias = Image.Image
Pixels: TypeAlias = npt.NDArray[np.uint8]  # of one channel: rows x columns

# Steps of 255 in one colour channel.
TOLERANCE: Final = 4
# A band of a picture is worked on at a time, small enough for a processor's cache: 1,000,000 takes twice the
# CPU.
_BAND_PIXELS: Final = 100_000
_IGNORED: Final = "black"
_MARK_SEEN: Final = 255
_MARK_UNSEEN: Final = 128
# Changed rows that are nearer to each other belong to one box: a line of text and its neighbour.
_GAP_PX: Final = 24
_MAX_BOXES: Final = 20


@dataclass(frozen=True, slots=True)
class Difference:
    """What differs between two pictures.

    Attributes:
        total: pixels of the smallest canvas that holds both.
        differing: pixels of which any channel differs, and those that only one of the pictures has.
        visible: those of them that a person can see.
        marks: of the canvas' size: 255 where `visible`, 128 where only `differing`, else 0.
    """

    total: int
    differing: int
    visible: int
    marks: Pixels

    def boxes(self, *, lowest: int) -> list[Box]:
        """Where marks of at least this value are: up to 20 boxes, from the top."""
        found = self.marks >= lowest
        boxes = []
        for top, bottom in _runs(np.flatnonzero(found.any(axis=1)).tolist()):
            columns = np.flatnonzero(found[top:bottom].any(axis=0))
            boxes.append((int(columns[0]), top, int(columns[-1]) + 1, bottom))
        if len(boxes) > _MAX_BOXES:
            rest = boxes[_MAX_BOXES - 1 :]
            boxes[_MAX_BOXES - 1 :] = [_around(rest)]
        return boxes


def cover(picture: Picture, ignored: Iterable[Box]) -> None:
    """Cover in a picture what is ignored, so that it is the same in all pictures."""
    for box in ignored:
        picture.paste(_IGNORED, box)


def difference(one: Picture, other: Picture, ignored: Sequence[Box]) -> Difference:
    """Compare two pictures of the same mode in which `cover` has covered what is ignored."""
    width, height = max(one.width, other.width), max(one.height, other.height)
    shared = min(one.width, other.width), min(one.height, other.height)
    marks = np.zeros((height, width), np.uint8)
    if one.size != other.size:
        _mark_uncovered(marks, one, other, ignored)
    for band in _bands(*shared):
        changed = _differing_box(one, other, band)
        if changed is not None:
            left, top, right, bottom = changed
            marks[top:bottom, left:right] = _marks_in(one, other, changed, shared)
    seen, unseen = (int(np.count_nonzero(marks == mark)) for mark in (_MARK_SEEN, _MARK_UNSEEN))
    return Difference(total=width * height, differing=seen + unseen, visible=seen, marks=marks)


def _mark_uncovered(marks: Pixels, one: Picture, other: Picture, ignored: Iterable[Box]) -> None:
    """Mark what only one of the pictures has."""
    for picture in (one, other):
        marks[: picture.height, : picture.width] = _MARK_SEEN
    marks[: min(one.height, other.height), : min(one.width, other.width)] = 0
    for left, top, right, bottom in ignored:
        marks[max(0, top) : max(0, bottom), max(0, left) : max(0, right)] = 0


def _bands(width: int, height: int) -> Iterator[Box]:
    rows = max(1, _BAND_PIXELS // width)
    for top in range(0, height, rows):
        yield 0, top, width, min(top + rows, height)


def _differing_box(one: Picture, other: Picture, band: Box) -> Box | None:
    found = ImageChops.difference(one.crop(band), other.crop(band))
    # `alpha_only` would look at the transparency alone.
    inside = found.getbbox(alpha_only=False)
    if inside is None:
        return None
    right, down = band[:2]
    return inside[0] + right, inside[1] + down, inside[2] + right, inside[3] + down


def _marks_in(one: Picture, other: Picture, box: Box, shared: tuple[int, int]) -> Pixels:
    """The marks of one box, for which the pixels around it are looked at as well."""
    channels = _differing_channels(*(_with_surroundings(picture, box, shared) for picture in (one, other)))
    differs = reduce(np.logical_or, (_inside(older) != _inside(newer) for older, newer in channels))
    unexplained = reduce(np.maximum, (_unexplained(*pair) for pair in channels))
    marks: Pixels = differs * np.uint8(_MARK_UNSEEN)
    return np.maximum(marks, (unexplained > TOLERANCE) * np.uint8(_MARK_SEEN))


def _with_surroundings(picture: Picture, box: Box, shared: tuple[int, int]) -> Picture:
    """A box and one pixel on each side of it. Beyond the edge lies what lies at the edge."""
    left, top, right, bottom = box[0] - 1, box[1] - 1, box[2] + 1, box[3] + 1
    found = picture.crop((left, top, right, bottom))
    width, height = found.size
    if left < 0:
        found.paste(found.crop((1, 0, 2, height)), (0, 0))
    if right > shared[0]:
        found.paste(found.crop((width - 2, 0, width - 1, height)), (width - 1, 0))
    if top < 0:
        found.paste(found.crop((0, 1, width, 2)), (0, 0))
    if bottom > shared[1]:
        found.paste(found.crop((0, height - 2, width, height - 1)), (0, height - 1))
    return found


def _inside(pixels: Pixels) -> Pixels:
    """Without one pixel on each side."""
    return pixels[1:-1, 1:-1]


def _differing_channels(one: Picture, other: Picture) -> list[tuple[Pixels, Pixels]]:
    """The channels of two pictures that differ somewhere, each different pair once; at least one differs."""
    found: list[tuple[Pixels, Pixels]] = []
    for channels in zip(one.split(), other.split(), strict=True):
        pair = np.asarray(channels[0]), np.asarray(channels[1])
        is_known = found and all(map(np.array_equal, found[0], pair))
        if not (is_known or np.array_equal(*pair)):
            found.append(pair)
    return found


def _unexplained(one: Pixels, other: Pixels) -> Pixels:
    """By how much each value of a channel lies outside the values around it in the other picture, at most.

    The result is without one pixel on each side, as these have not all their neighbours.
    """
    return np.maximum(_excess(_inside(one), other), _excess(_inside(other), one))


def _excess(channel: Pixels, other: Pixels) -> Pixels:
    darkest, lightest = (_of_neighbours(other, choose) for choose in (np.minimum, np.maximum))
    too_dark = np.maximum(channel, darkest) - channel
    too_light = channel - np.minimum(channel, lightest)
    return np.maximum(too_dark, too_light)


def _of_neighbours(pixels: Pixels, choose: Callable[[Pixels, Pixels], Pixels]) -> Pixels:
    """Of each pixel's 3 x 3 neighbours the darkest or lightest value, for all that have so many."""
    for _ in range(2):
        pixels = choose(pixels[:, 1:], pixels[:, :-1])
    for _ in range(2):
        pixels = choose(pixels[1:], pixels[:-1])
    return pixels


def _runs(rows: Iterable[int]) -> Iterator[tuple[int, int]]:
    """From which row to which there is something, leaving out small gaps.

    Args:
        rows: where there is something, from the top.
    """
    start = last = -1
    for number in rows:
        if start >= 0 and number - last > _GAP_PX:
            yield start, last + 1
            start = -1
        start, last = (number if start < 0 else start), number
    if start >= 0:
        yield start, last + 1


def _around(boxes: list[Box]) -> Box:
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)
