"""Bounds the memory of the pictures that are taken at once in one browser, before they are taken.

A picture takes memory in processes that all pages share, for its pixels are copied from one to the next.
Three pictures of 40 million pixels at once took 2.5 GiB (measured). What a picture needs is known from its
size. So large pictures wait, first come, first served, until the ones that are being taken leave room. Small
ones never wait: all slots together need little for them, and nobody with a small picture waits for another
tenant's large one.
"""

import asyncio
import math
from collections import deque
from typing import Final

from fleet.errors import ErrorType, RenderError
from fleet.pictures.sizes import MAX_DEVICE_PIXELS

# The renderer, the GPU process and the browser process each hold copies of the picture: 14 to 19 bytes per
# pixel in all (measured for PNG, JPEG and WebP).
BYTES_PER_PIXEL: Final = 20
LARGE_PIXELS: Final = 4_000_000
_MIB: Final = 1024 * 1024
# One picture of the largest size that a request may have.
LARGEST_MIB: Final = math.ceil(MAX_DEVICE_PIXELS * BYTES_PER_PIXEL / _MIB)
# Eight million pixels: as much as the full page of a usual long document.
LEAST_MIB: Final = 160
_KEPT_FREE_MIB: Final = 256
_PAGE_MIB: Final = 64


def picture_budget_mib(configured_mib: int | None, *, container_bytes: int, slots: int) -> int:
    """How much memory pictures may need at once in one browser, in MiB.

    Args:
        configured_mib: CAPTURE_MEMORY_MB; None: not set.
        container_bytes: how much the worker and its browser may use together.
        slots: how many pages are rendered at once.
    """
    if configured_mib is not None:
        return configured_mib
    left_mib = container_bytes // _MIB - _KEPT_FREE_MIB - slots * _PAGE_MIB
    return max(LEAST_MIB, min(LARGEST_MIB, left_mib))


class PictureBudget:
    """The memory for large pictures of one browser."""

    def __init__(self, budget_mib: int) -> None:
        """All of it is free. `budget_mib` is in MiB."""
        self._budget_mib = budget_mib
        self._free_bytes = budget_mib * _MIB
        self._waiting: deque[tuple[int, asyncio.Future[None]]] = deque()

    async def take(self, device_pixels: float) -> int:
        """Wait until there is memory for one picture. Returns how many bytes to give back.

        Raises:
            RenderError: `memory_limit_exceeded`: the picture alone needs more than there is.
        """
        if device_pixels <= LARGE_PIXELS:
            return 0
        needed = int(device_pixels * BYTES_PER_PIXEL)
        if needed > self._budget_mib * _MIB:
            detail = (
                f"a picture of {device_pixels:,.0f} pixels takes about {math.ceil(needed / _MIB)} MiB of "
                f"memory; on this worker a picture may take {self._budget_mib} MiB"
            )
            raise RenderError(ErrorType.MEMORY_LIMIT_EXCEEDED, detail)
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((needed, turn))
        self._let_in()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._free_bytes += needed
            self._let_in()
            raise
        return needed

    def give_back(self, taken_bytes: int) -> None:
        """Free the memory of one picture, which its page no longer holds."""
        self._free_bytes += taken_bytes
        self._let_in()

    def _let_in(self) -> None:
        while self._waiting:
            needed, turn = self._waiting[0]
            if not turn.cancelled():
                if needed > self._free_bytes:
                    return
                self._free_bytes -= needed
                turn.set_result(None)
            self._waiting.popleft()
