"""How much one page may take where nobody has said so: what fits into the container, and no more than usual.

A limit above what the container has is none: the kernel would end some process of its own choice first.
"""

from typing import Final

# Six times what usual pages take (20 to 60 MiB); full pages of 6,000 pixels' height fit.
USUAL_LIMIT_MIB: Final = 512
# Below that ordinary pages fail; a worker this tight is held up by its memory reserve anyway.
LEAST_LIMIT_MIB: Final = 128
# What a worker holds of its own while it renders nothing is 177 MiB (docs/benchmarks.md), and a page that
# fills memory as fast as it can overshoots its limit by 100 MiB or more.
KEPT_FREE_MIB: Final = 256

_MIB: Final = 1024 * 1024


def render_limit_mib(asked_mib: int | None, *, container_bytes: int, slots: int) -> int:
    """The limit of one page.

    Args:
        asked_mib: RENDER_MEMORY_LIMIT_MB; None: nobody asked.
        container_bytes: what the worker and its browser may have together.
        slots: pages at once.
    """
    if asked_mib is not None:
        return asked_mib
    share = (container_bytes // _MIB - KEPT_FREE_MIB) // slots
    return max(LEAST_LIMIT_MIB, min(USUAL_LIMIT_MIB, share))
