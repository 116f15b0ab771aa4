"""How much memory one page may use when RENDER_MEMORY_LIMIT_MB is not set.

It is the page's share of the container's memory, but at most 512 MiB. A limit above the container's memory
would have no effect: the kernel would first kill a process of its own choice.
"""

from typing import Final

# Usual pages use 20 to 60 MiB. A full page of 6,000 pixels in height fits, too.
MAX_DEFAULT_LIMIT_MIB: Final = 512
# With less, ordinary pages fail. A worker with so little memory takes no jobs because of MEMORY_RESERVE_MB.
MIN_DEFAULT_LIMIT_MIB: Final = 128
# A worker uses 177 MiB while it renders nothing (docs/benchmarks.md). A page that fills memory as fast as it
# can is ended 100 MiB or more above its limit.
KEPT_FREE_MIB: Final = 256

_MIB: Final = 1024 * 1024


def render_limit_mib(configured_mib: int | None, *, container_bytes: int, slots: int) -> int:
    """The memory limit of one page, in MiB.

    Args:
        configured_mib: RENDER_MEMORY_LIMIT_MB; None: not set.
        container_bytes: how much the worker and its browser may use together.
        slots: how many pages are rendered at once.
    """
    if configured_mib is not None:
        return configured_mib
    share = (container_bytes // _MIB - KEPT_FREE_MIB) // slots
    return max(MIN_DEFAULT_LIMIT_MIB, min(MAX_DEFAULT_LIMIT_MIB, share))
