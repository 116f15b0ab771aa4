"""The limits of those parts of a render for which the request has no option."""

from dataclasses import dataclass
from typing import Final

from fleet.confined.limits import Limits

_MIB: Final = 1024 * 1024
# To merge 100 documents of 20 pages takes 3 s of CPU and 240 MB (measured). The files that are open: two
# lists of 50 documents, the printed one, the watermark, and what Python has open.
_AFTER_PRINT: Final = Limits(
    cpu_s=30, wall_s=120, memory_bytes=768 * _MIB, output_bytes=512 * _MIB, open_files=128
)


@dataclass(frozen=True, slots=True)
class Bounds:
    """Seconds and bytes after which a render fails.

    Attributes:
        scroll_s: of scrolling through a page. The scroll ends itself before that, unless the page's scripts
            leave it no time.
        leaving_s: of waiting where a page goes that leaves while it is captured.
        after_print: of what is done to a PDF after printing. The artifact may be smaller than its
            `output_bytes`: the render says how large.
    """

    scroll_s: float = 25.0
    leaving_s: float = 5.0
    after_print: Limits = _AFTER_PRINT


USUAL: Final = Bounds()
