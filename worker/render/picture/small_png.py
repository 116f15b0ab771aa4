"""Makes a PNG smaller with oxipng, which holds Python's global lock for all of its work."""

import os
from typing import Final

import oxipng

from worker.render.picture.png_density import NO_TEXT, PHOTOGRAPHS, SOME_GRADIENTS, SPARSE, bytes_per_pixel

# One thread for each picture: the other cores belong to other renders.
os.environ["RAYON_NUM_THREADS"] = "1"
# Of libdeflate's twelve, the lowest with which no file is larger than Chromium's own. On gradients 8 takes
# four times as long as 6; photographs do not get smaller above 2.
_LEVEL_OF_SPARSE: Final = 8
_LEVEL_OF_TEXT: Final = 5
_LEVEL: Final = 6
_LEVEL_OF_PHOTOGRAPHS: Final = 3


def smaller(png: bytes) -> bytes:
    """The same pixels in fewer bytes.

    Raises:
        ValueError: it is no PNG.
    """
    density = bytes_per_pixel(png)
    if density >= PHOTOGRAPHS:
        filters, level = [oxipng.RowFilter.Paeth], _LEVEL_OF_PHOTOGRAPHS
    elif density > NO_TEXT:  # each filter that is tried takes as long again
        filters, level = [oxipng.RowFilter.NoOp, oxipng.RowFilter.Paeth], _LEVEL
    else:
        filters = [oxipng.RowFilter.NoOp]
        if density > SOME_GRADIENTS:
            filters.append(oxipng.RowFilter.Sub)
        level = _LEVEL_OF_TEXT if density > SPARSE else _LEVEL_OF_SPARSE
    # A grey picture has at most 256 colours, so that it becomes one with a palette: as small, but for the
    # palette. To look for grey as well takes a fifth of the time.
    try:
        small = oxipng.optimize_from_memory(
            png,
            level=1,
            filter=filters,
            deflate=oxipng.Deflaters.libdeflater(level),
            grayscale_reduction=False,
        )
    except oxipng.PngError as error:
        raise ValueError(str(error)) from error
    return bytes(small)
