"""Makes a PNG smaller with oxipng, which holds Python's global lock for all of its work.

A row of a PNG holds its pixels (the filter "None"), or how they differ from their neighbours on the left
("Sub"), or from a guess by three neighbours ("Paeth"). Text is the smallest without a filter, gradients are
with "Sub", photographs with "Paeth". How small the first try has become tells which one it is: with other
filters the rest is tried only where the first is not good (docs/capture.md has the figures).
"""

import os
from typing import Final, NamedTuple

import oxipng

from worker.render.picture.png_density import NO_TEXT, PHOTOGRAPHS, SOME_GRADIENTS, SPARSE, bytes_per_pixel

# One thread for each picture: the other cores belong to other renders.
os.environ["RAYON_NUM_THREADS"] = "1"


class _Plan(NamedTuple):
    """What is done with pictures of some density.

    Attributes:
        level: of libdeflate's twelve, for the first try, without a filter.
        enough: if the first try has at most this share of the bytes, it is the result.
        sub_level: for the second try.
    """

    level: int
    enough: float
    sub_level: int


# By the density from which they hold, the highest first.
_PLANS: Final = (
    (NO_TEXT, _Plan(level=6, enough=0.0, sub_level=6)),
    (SOME_GRADIENTS, _Plan(level=5, enough=0.48, sub_level=7)),
    (SPARSE, _Plan(level=5, enough=0.63, sub_level=7)),
    (0.0, _Plan(level=8, enough=1.0, sub_level=8)),
)
# A photograph keeps more than this share of its bytes without a filter, and with "Paeth" more than the other.
_PHOTOGRAPH: Final = 0.85
_PHOTOGRAPH_BY_PAETH: Final = 0.75
# Photographs do not get smaller above 2.
_LEVEL_OF_PHOTOGRAPHS: Final = 3
_LEVEL_OF_OTHERS: Final = 6


def smaller(png: bytes) -> bytes:
    """The same pixels in fewer bytes.

    Raises:
        ValueError: it is no PNG.
    """
    density = bytes_per_pixel(png)
    if density >= PHOTOGRAPHS:
        first = _encoded(png, oxipng.RowFilter.Paeth, _LEVEL_OF_PHOTOGRAPHS)
        if _share(first, png) > _PHOTOGRAPH_BY_PAETH:
            return first
        others = (oxipng.RowFilter.NoOp, oxipng.RowFilter.Sub)
        return min(first, *(_encoded(png, one, _LEVEL_OF_OTHERS) for one in others), key=len)
    plan = next(plan for least, plan in _PLANS if density >= least)
    first = _encoded(png, oxipng.RowFilter.NoOp, plan.level)
    if _share(first, png) <= plan.enough:
        return first
    if _share(first, png) > _PHOTOGRAPH:
        second = _encoded(png, oxipng.RowFilter.Paeth, _LEVEL_OF_OTHERS)
    else:
        second = _encoded(png, oxipng.RowFilter.Sub, plan.sub_level)
    return min(first, second, key=len)


def _share(small: bytes, png: bytes) -> float:
    return len(small) / len(png)


def _encoded(png: bytes, row_filter: oxipng.RowFilter, level: int) -> bytes:
    # A grey picture has at most 256 colours, so that it becomes one with a palette: as small, but for the
    # palette. To look for grey as well takes a fifth of the time.
    try:
        small = oxipng.optimize_from_memory(
            png,
            level=1,
            filter=[row_filter],
            deflate=oxipng.Deflaters.libdeflater(level),
            grayscale_reduction=False,
        )
    except oxipng.PngError as error:
        raise ValueError(str(error)) from error
    return bytes(small)
