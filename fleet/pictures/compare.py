"""Compares pictures in a process of its own, which has limits and ends with the call.

The libraries that decode pictures are written in C, and pictures are made from what strangers have sent. They
also take much memory for a moment, which a process gives back with its end.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from fleet.confined.limits import ConfinedError, LimitPassedError, Limits, RefusedWorkError
from fleet.confined.program import LARGE_MEMORY_PAGES, ConfinedProgram
from fleet.pictures.options import Method, Region
from fleet.pictures.sizes import MAX_AVIF_PIXELS, MAX_DEVICE_PIXELS

# A comparison touches 100 MB for a moment. In pages of 4 KiB the kernel's work for that takes half as long
# as the comparison itself.
_PROGRAM: Final = ConfinedProgram(
    # numpy would start a thread for matrices, of which there are none; and who forks should have one thread.
    "fleet.pictures.program",
    environment={**LARGE_MEMORY_PAGES, "OPENBLAS_NUM_THREADS": "1"},
)
# Measured for the largest pictures: 560 MB for two PNG files, 640 for two WebP files.
_LIMITS: Final = Limits(cpu_s=60, wall_s=60, memory_bytes=2**31, output_bytes=2**28)
# As Pillow names the formats. A decoder of WebP or AVIF holds several copies of its picture.
MAX_PIXELS: Final = {
    "PNG": MAX_DEVICE_PIXELS,
    "JPEG": MAX_DEVICE_PIXELS,
    "WEBP": MAX_DEVICE_PIXELS // 2,
    "AVIF": MAX_AVIF_PIXELS,
}
_FINGERPRINT: Final = {Method.VISIBLE: "pixels", Method.PIXELS: "pixels", Method.PERCEPTUAL: "hash"}


class IncomparableError(Exception):
    """A picture cannot be compared. The message is for the job's owner.

    Attributes:
        number: which of the pictures, from 0; None: both, or it is not known.
    """

    def __init__(self, reason: str, number: int | None = None) -> None:
        super().__init__(reason)
        self.number = number


@dataclass(frozen=True, slots=True)
class Compared:
    """How two pictures differ.

    Attributes:
        share: of the pixels of the smallest canvas that holds both, how many a person can see to differ.
        differing_share: how many differ in any way.
        hash_distance: in how many of 256 bits their difference hashes differ.
        sizes_differ: whether they have different sizes. What only one of them has is visible.
        boxes: where they differ, from the top; up to 20.
        image: the difference picture, a PNG; empty: they do not differ.
        image_size: its width and height.
        fingerprint: of the second picture, for later comparisons without it; None: it was not asked for.
    """

    share: float
    differing_share: float
    hash_distance: int
    sizes_differ: bool
    boxes: tuple[Region, ...]
    image: bytes
    image_size: tuple[int, int]
    fingerprint: str | None


async def compare(
    one: bytes,
    other: bytes,
    *,
    method: Method,
    ignored: Sequence[Region] = (),
    takes_fingerprint: bool = False,
) -> Compared:
    """Compare two pictures. If the caller is cancelled, the process is killed.

    Args:
        one: a file: PNG, JPEG, WebP or AVIF.
        other: another one.
        method: pixels marks all that differs in the difference picture, others what can be seen.
        ignored: where nothing counts.
        takes_fingerprint: whether to take one of the second picture, which costs as much as comparing.

    Raises:
        IncomparableError: one is no picture, or one is too large.
    """
    order = {
        "ignored": [region.box for region in ignored],
        "fingerprint": _FINGERPRINT[method] if takes_fingerprint else None,
        "draws": "all" if method is Method.PIXELS else "visible",
    }
    answer, image = await _run([one, other], order)
    total = answer["total"]
    return Compared(
        share=answer["visible"] / total,
        differing_share=answer["differing"] / total,
        hash_distance=answer["hash_distance"],
        sizes_differ=answer["sizes"][0] != answer["sizes"][1],
        boxes=tuple(
            Region(x=left, y=top, width=right - left, height=bottom - top)
            for left, top, right, bottom in answer["boxes"]
        ),
        image=image,
        image_size=tuple(answer.get("image_size", (0, 0))),
        fingerprint=answer["fingerprint"],
    )


async def fingerprint(picture: bytes, *, method: Method, ignored: Sequence[Region] = ()) -> str:
    """What a later comparison needs of a picture that is erased by then.

    Raises:
        IncomparableError: it is no picture, or too large.
    """
    order = {
        "ignored": [region.box for region in ignored],
        "fingerprint": _FINGERPRINT[method],
        "draws": "none",
    }
    answer, _ = await _run([picture], order)
    return str(answer["fingerprint"])


def hash_distance(one: str, other: str) -> int | None:
    """In how many bits two fingerprints of the method `perceptual` differ. None: they are of another."""
    if not (one.startswith("dhash:") and other.startswith("dhash:")):
        return None
    bits = [int(text.removeprefix("dhash:"), 16) for text in (one, other)]
    return (bits[0] ^ bits[1]).bit_count()


async def _run(pictures: Sequence[bytes], order: Mapping[str, object]) -> tuple[dict[str, Any], bytes]:
    order = {**order, "sizes": [len(picture) for picture in pictures], "max_pixels": MAX_PIXELS}
    try:
        answer = await _PROGRAM.run(b"".join(pictures), json.dumps(order), limits=_LIMITS)
    except RefusedWorkError as error:
        raise IncomparableError(error.facts["reason"], error.facts["number"]) from error
    except LimitPassedError as error:
        raise IncomparableError(f"comparing {error}") from error
    except ConfinedError as error:
        raise IncomparableError("the comparison failed") from error
    line, _, image = answer.partition(b"\n")
    found: dict[str, Any] = json.loads(line)
    return found, image
