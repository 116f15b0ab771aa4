"""Makes small pictures, for lists and galleries, in a process of its own. Why: see compare.py."""

import json
from typing import Final

from fleet.confined.limits import ConfinedError, Limits
from fleet.confined.program import ConfinedProgram

_PROGRAM: Final = ConfinedProgram("fleet.pictures.small_program")
# Measured for the largest pictures that callers may give: 120 MB, and a second.
_LIMITS: Final = Limits(cpu_s=20, wall_s=30, memory_bytes=2**30, output_bytes=2**22)


async def small_picture(picture: bytes, *, decoder: str, most_pixels: int, width: int) -> bytes | None:
    """A WebP of at most this width; of a high picture only the top. If the caller is cancelled, it is killed.

    Args:
        picture: the file.
        decoder: as Pillow names its format.
        most_pixels: that it may have.
        width: in pixels; a narrower picture keeps its own.

    Returns:
        The file. None: it is no picture of this format, or has too many pixels.
    """
    order = {"decoder": decoder, "most_pixels": most_pixels, "width": width}
    try:
        return await _PROGRAM.run(picture, json.dumps(order), limits=_LIMITS)
    except ConfinedError:
        return None
