"""What differs between two decoded pictures, and what of it can be seen. Imports only Pillow: see program.py.

A pixel can be seen to differ if its colour does not lie between the colours that the other picture has at the
same place and beside it (3 x 3 pixels), give or take `TOLERANCE`, in one of the two directions. Where an edge
is smoothed anew, or lies a fraction of a pixel further, each pixel keeps a colour between those beside it.
Where a stroke, a word or a surface was not there before, no colour nearby explains it. The figures behind the
tolerance are in docs/compare.md.

Channels are worked on one by one: those that are the same in both pictures, or repeat the red one as in all
that is grey, need no work at all.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import reduce
from typing import Final

from PIL import Image, ImageChops

Box = tuple[int, int, int, int]
Picture = Image.Image

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
    marks: Picture

    def boxes(self, *, lowest: int) -> list[Box]:
        """Where marks of at least this value are: up to 20 boxes, from the top."""
        boxes = []
        area = self.marks.getbbox()
        if area is not None:
            found = self.marks.crop(area).point(_at_least(lowest))
            for top, bottom in _runs(found.getprojection()[1]):
                inside = found.crop((0, top, found.width, bottom)).getbbox()
                if inside is not None:
                    boxes.append(_moved(inside, area[0], area[1] + top))
        if len(boxes) > _MAX_BOXES:
            rest = boxes[_MAX_BOXES - 1 :]
            boxes[_MAX_BOXES - 1 :] = [_around(rest)]
        return boxes


def cover(picture: Picture, ignored: Iterable[Box]) -> None:
    """Cover in a picture what is ignored, so that it is the same in all pictures."""
    for box in ignored:
        picture.paste(_IGNORED, box)


def difference(one: Picture, other: Picture, ignored: Iterable[Box]) -> Difference:
    """Compare two pictures of the same mode in which `cover` has covered what is ignored."""
    width, height = max(one.width, other.width), max(one.height, other.height)
    marks = Image.new("L", (width, height), 0)
    if one.size != other.size:
        _mark_uncovered(marks, one, other, ignored)
    shared = min(one.width, other.width), min(one.height, other.height)
    for top, bottom in _bands(*shared):
        changed = _differing_box(one, other, (0, top, shared[0], bottom))
        if changed is not None:
            marks.paste(_marks_in(one, other, changed, shared), changed)
    area = marks.getbbox()
    found = marks.crop(area).histogram() if area is not None else [0] * 256
    seen, unseen = found[_MARK_SEEN], found[_MARK_UNSEEN]
    return Difference(total=width * height, differing=seen + unseen, visible=seen, marks=marks)


def _mark_uncovered(marks: Picture, one: Picture, other: Picture, ignored: Iterable[Box]) -> None:
    """Mark what only one of the pictures has."""
    for picture in (one, other):
        marks.paste(_MARK_SEEN, (0, 0, *picture.size))
    marks.paste(0, (0, 0, min(one.width, other.width), min(one.height, other.height)))
    for box in ignored:
        marks.paste(0, box)


def _bands(width: int, height: int) -> Iterator[tuple[int, int]]:
    rows = max(1, _BAND_PIXELS // width)
    for top in range(0, height, rows):
        yield top, min(top + rows, height)


def _differing_box(one: Picture, other: Picture, band: Box) -> Box | None:
    found = ImageChops.difference(one.crop(band), other.crop(band))
    # `alpha_only` would look at the transparency alone.
    inside = found.getbbox(alpha_only=False)
    return None if inside is None else _moved(inside, band[0], band[1])


def _marks_in(one: Picture, other: Picture, box: Box, shared: tuple[int, int]) -> Picture:
    """The marks of one box, for which the pixels around it are looked at as well."""
    channels = _differing_channels(*(_with_surroundings(picture, box, shared) for picture in (one, other)))
    differs = reduce(ImageChops.lighter, (ImageChops.difference(*pair) for pair in channels))
    unexplained = reduce(ImageChops.lighter, (_unexplained(*pair) for pair in channels))
    return ImageChops.lighter(
        _inside(differs.point([0] + [_MARK_UNSEEN] * 255)), unexplained.point(_at_least(TOLERANCE + 1))
    )


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


def _inside(picture: Picture) -> Picture:
    """Without one pixel on each side."""
    return picture.crop((1, 1, picture.width - 1, picture.height - 1))


def _differing_channels(one: Picture, other: Picture) -> list[tuple[Picture, Picture]]:
    """The channels of two pictures that differ somewhere, each different pair once; at least one differs."""
    found: list[tuple[Picture, Picture]] = []
    for pair in zip(one.split(), other.split(), strict=True):
        is_known = found and all(map(_are_equal, found[0], pair))
        if not (is_known or _are_equal(*pair)):
            found.append(pair)
    return found


def _are_equal(one: Picture, other: Picture) -> bool:
    return ImageChops.difference(one, other).getbbox() is None


def _unexplained(one: Picture, other: Picture) -> Picture:
    """By how much each value of a channel lies outside the values around it in the other picture, at most.

    The result is without one pixel on each side, as these have not all their neighbours.
    """
    return ImageChops.lighter(_excess(_inside(one), other), _excess(_inside(other), one))


def _excess(channel: Picture, other: Picture) -> Picture:
    darkest, lightest = (_of_neighbours(other, choose) for choose in (ImageChops.darker, ImageChops.lighter))
    explained = ImageChops.darker(ImageChops.lighter(channel, darkest), lightest)
    return ImageChops.difference(channel, explained)


def _of_neighbours(picture: Picture, choose: Callable[[Picture, Picture], Picture]) -> Picture:
    """Of each pixel's 3 x 3 neighbours the darkest or lightest value, for all that have so many.

    Of two pictures of different sizes Pillow takes what both have, so that one of them need not be cut.
    """
    for right, down in ((1, 0), (1, 0), (0, 1), (0, 1)):
        picture = choose(picture, picture.crop((right, down, *picture.size)))
    return picture


def _at_least(lowest: int) -> list[int]:
    """For `Image.point`: 255 for values from `lowest` on, else 0."""
    return [0] * lowest + [_MARK_SEEN] * (256 - lowest)


def _moved(box: Box, right: int, down: int) -> Box:
    return box[0] + right, box[1] + down, box[2] + right, box[3] + down


def _runs(rows: Iterable[int]) -> Iterator[tuple[int, int]]:
    """From where to where there is something, leaving out small gaps."""
    start = last = -1
    for number, is_marked in enumerate(rows):
        if not is_marked:
            continue
        if start >= 0 and number - last > _GAP_PX:
            yield start, last + 1
            start = -1
        start, last = (number if start < 0 else start), number
    if start >= 0:
        yield start, last + 1


def _around(boxes: list[Box]) -> Box:
    lefts, tops, rights, bottoms = zip(*boxes, strict=True)
    return min(lefts), min(tops), max(rights), max(bottoms)
