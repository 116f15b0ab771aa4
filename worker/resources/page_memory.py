"""What one page holds of the machine's memory, and why it was ended if that was too much."""

import math
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from worker.resources.chromium_processes import read_faults, read_memory

MIB: Final = 1024 * 1024
# Copies of the picture in the renderer, the GPU process and the browser process, 17 to 19 bytes measured.
CAPTURE_BYTES_PER_PIXEL: Final = 20


class PageGoneError(Exception):
    """The page, or its browser, has ended and cannot be asked any more."""


class Where(StrEnum):
    """Which processes a page filled."""

    RENDERER = "renderer"
    SHARED = "shared"


@dataclass(frozen=True, slots=True)
class Excess:
    """More than a render may take."""

    where: Where
    used_bytes: int
    limit_bytes: int

    def __str__(self) -> str:
        """For the job's owner."""
        holder = "the page" if self.where is Where.RENDERER else "the page's blobs, stored data or graphics"
        used, limit = math.ceil(self.used_bytes / MIB), self.limit_bytes // MIB
        return f"{holder} took {used} MiB of memory; a render may take {limit} MiB"


@dataclass(eq=False, slots=True, weakref_slot=True)
class PageMemory:
    """One page's memory.

    Attributes:
        renderers: its renderer processes; one, save while a navigation changes it.
        peak_bytes: the most that they held together; None where it cannot be measured.
        shared_bytes: what the processes that all pages share have grown by on this page's account.
        excess: why the page was ended; None when it was not.
        allowance_bytes: what it may take beyond its limit for a picture of it.
        marked: marks the page's renderer while its block runs (`Page.marked`); None: nobody can.
    """

    renderers: frozenset[int] = frozenset()
    peak_bytes: int | None = None
    shared_bytes: float = 0.0
    excess: Excess | None = None
    allowance_bytes: int = 0
    marked: Callable[[], AbstractAsyncContextManager[None]] | None = None
    _faults: int = 0

    @property
    def is_living(self) -> bool:
        """Whether its renderers live, as far as one can tell; the kernel knows it before the browser does."""
        return not self.renderers or any(read_memory(pid) is not None for pid in self.renderers)

    def expect_picture(self, device_pixels: float) -> None:
        """Have what Chromium needs for a picture of the page not counted against its limit."""
        self.allowance_bytes = int(device_pixels * CAPTURE_BYTES_PER_PIXEL)

    def take_for_picture(self, grown_bytes: float) -> float:
        """Put down as much of a growth as the expected picture still explains; how much that was."""
        taken = max(0.0, min(grown_bytes, self.allowance_bytes - self.shared_bytes))
        self.shared_bytes += taken
        return taken

    def measure(self) -> int:
        """Look at the renderers; the bytes that they hold now."""
        found = [memory for pid in self.renderers if (memory := read_memory(pid)) is not None]
        now = sum(memory.own_bytes for memory in found)
        if found:
            self.peak_bytes = max(self.peak_bytes or 0, now, *(memory.peak_bytes for memory in found))
        return now

    def touched_pages(self) -> int:
        """How many pages of memory the renderers have touched anew since the last call."""
        faults = sum(read_faults(pid) for pid in self.renderers)
        touched, self._faults = max(0, faults - self._faults), faults
        return touched
