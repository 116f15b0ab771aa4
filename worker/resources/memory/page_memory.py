"""How much memory one page uses, and why it was ended if that was too much."""

import math
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from worker.resources.chromium_processes import read_memory, read_page_faults
from worker.resources.memory.picture_budget import BYTES_PER_PIXEL, LARGE_PIXELS, LARGEST_MIB, PictureBudget

MIB: Final = 1024 * 1024


class PageGoneError(Exception):
    """The page or its browser has ended and does not answer any more."""


class MemoryHolder(StrEnum):
    """Which processes hold too much memory for a page; a label of a metric."""

    RENDERER = "renderer"
    SHARED = "shared"


@dataclass(frozen=True, slots=True)
class MemoryExcess:
    """A page used more memory than a render may use."""

    holder: MemoryHolder
    used_bytes: int
    limit_bytes: int

    def __str__(self) -> str:
        """The error's detail for the job's owner."""
        is_renderer = self.holder is MemoryHolder.RENDERER
        holder = "the page" if is_renderer else "the page's blobs, stored data or graphics"
        used, limit = math.ceil(self.used_bytes / MIB), self.limit_bytes // MIB
        return f"{holder} took {used} MiB of memory; a render may take {limit} MiB"


@dataclass(eq=False, slots=True, weakref_slot=True)
class PageMemory:
    """The memory of one page.

    Attributes:
        renderers: its renderer processes. There is one; a navigation may replace it, and then there are two
            for a moment.
        peak_bytes: the most that they used together; None where it cannot be measured.
        shared_bytes: how much the processes that all pages share have grown because of this page.
        excess: why the page was ended for its memory; None when it was not.
        misuse: why the page was ended for what it did to processes that all pages share, in words for the
            job's owner; None when it was not.
        allowance_bytes: how much it may use above its limit while its picture is taken.
        pictures: the memory for large pictures, which the pages of a browser share.
        marked: marks the page's renderer while its block runs (`Page.marked`); None: it cannot be marked.
    """

    renderers: frozenset[int] = frozenset()
    peak_bytes: int | None = None
    shared_bytes: float = 0.0
    excess: MemoryExcess | None = None
    misuse: str | None = None
    allowance_bytes: int = 0
    pictures: PictureBudget = field(default_factory=lambda: PictureBudget(LARGEST_MIB))
    marked: Callable[[], AbstractAsyncContextManager[None]] | None = None
    _page_faults: int = 0
    _taken_bytes: int = 0

    @property
    def is_alive(self) -> bool:
        """Whether one of its renderers is alive, as the kernel says; True if no renderer is known."""
        return not self.renderers or any(read_memory(pid) is not None for pid in self.renderers)

    @property
    def has_large_picture(self) -> bool:
        """Whether a large picture of the page is being taken."""
        return self.allowance_bytes > LARGE_PIXELS * BYTES_PER_PIXEL

    async def expect_picture(self, device_pixels: float) -> None:
        """Wait until there is memory for a picture of the page, and allow that on top of the page's limit.

        A picture that was expected before, of at least this size, is the same one.

        Raises:
            RenderError: `memory_limit_exceeded`: the picture alone needs more than a picture may take.
        """
        wanted = int(device_pixels * BYTES_PER_PIXEL)
        if wanted <= self.allowance_bytes:
            return
        self.end_picture()  # nobody may wait for what it holds itself
        self._taken_bytes = await self.pictures.take(device_pixels)
        self.allowance_bytes = wanted

    def end_picture(self) -> None:
        """Let others use the memory of the picture: the page is about to be closed."""
        taken, self._taken_bytes, self.allowance_bytes = self._taken_bytes, 0, 0
        self.pictures.give_back(taken)

    def add_growth_for_picture(self, grown_bytes: float) -> float:
        """Add the part of a growth that the expected picture explains; returns that part in bytes."""
        added = max(0.0, min(grown_bytes, self.allowance_bytes - self.shared_bytes))
        self.shared_bytes += added
        return added

    def measure(self) -> int:
        """Measure the renderers; returns the bytes that they use now."""
        found = [memory for pid in self.renderers if (memory := read_memory(pid)) is not None]
        now = sum(memory.own_bytes for memory in found)
        if found:
            self.peak_bytes = max(self.peak_bytes or 0, now, *(memory.peak_bytes for memory in found))
        return now

    def new_page_faults(self) -> int:
        """How many memory pages the renderers have used for the first time since the last call."""
        faults = sum(read_page_faults(pid) for pid in self.renderers)
        new, self._page_faults = max(0, faults - self._page_faults), faults
        return new
