"""Finds the colours of a picture, if they are few enough for the palette of a PNG."""

from collections.abc import Iterator
from typing import Final, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

_Number = TypeVar("_Number", bound=np.generic)
Pixels = npt.NDArray[np.uint8]  # rows of red, green, blue, red, green ...

CHANNELS: Final = 3
_MOST: Final = 256
_PLACES: Final = 1 << 16
# Each colour gets one of 65,536 places. Of 150 colours two have the same place in one picture of six, so that
# there is a second way to choose places.
_FACTORS: Final = ((7, 263, 8191), (40503, 30011, 211))


class Palette(NamedTuple):
    """The colours of some pixels.

    Attributes:
        colours: red, green and blue of each, the most frequent one first.
        numbers: for each pixel the number of its colour, in rows.
    """

    colours: bytes
    numbers: npt.NDArray[np.uint8]


def in_palette(rows: Pixels) -> Palette | None:
    """The palette of these rows. None: it would be too large, or two colours have the same place."""
    red, green, blue = _channels(rows, np.uint32)
    colours = red << np.uint32(16) | green << np.uint32(8) | blue
    for factors in _FACTORS:
        places = _places(rows, factors)
        known = np.zeros(_PLACES, np.uint32)
        known[places] = colours
        if (known[places] != colours).any():
            continue
        counts = np.bincount(places.ravel(), minlength=_PLACES)
        used = np.flatnonzero(counts)
        if used.size > _MOST:
            return None
        # If the most frequent colour is number 0, most bytes are zeros: the file is half as large.
        used = used[np.argsort(-counts[used])]
        numbers = np.zeros(_PLACES, np.uint8)
        numbers[used] = np.arange(used.size)
        return Palette(b"".join(int(one).to_bytes(CHANNELS, "big") for one in known[used]), numbers[places])
    return None


def has_many_colours(rows: Pixels) -> bool:
    """Whether these rows alone have more colours than a palette: as many as they take places, or more."""
    is_there = np.zeros(_PLACES, np.bool_)
    is_there[_places(rows, _FACTORS[0])] = True
    return int(np.count_nonzero(is_there)) > _MOST


def _places(rows: Pixels, factors: tuple[int, int, int]) -> npt.NDArray[np.uint16]:
    red, green, blue = (
        channel * np.uint16(factor)
        for channel, factor in zip(_channels(rows, np.uint16), factors, strict=True)
    )
    places: npt.NDArray[np.uint16] = red ^ green ^ blue
    return places


def _channels(rows: Pixels, kind: type[_Number]) -> Iterator[npt.NDArray[_Number]]:
    return (rows[:, channel::CHANNELS].astype(kind) for channel in range(CHANNELS))
