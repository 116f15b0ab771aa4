"""Finds out for which page the processes that all pages share have grown: for blobs, stored data, graphics.

Chromium does not tell, so the following is taken together.

* A page makes its data in its renderer before it hands the data over. So growth is divided among the pages
  by how much new memory their renderers used meanwhile.
* What the GPU process grows by belongs to pages that draw with it, however little memory they use. Such a
  page shares command buffers with the GPU process: mappings of exactly 1 MiB. Pages without a canvas have
  none.
* While a page is stopped because the shared processes still work on what it has sent, they grow because of
  it, although it uses no new memory then.
* A page that has just begun uses new memory too, and gets a part of what its neighbour causes. When it has
  ended and its part is not freed, that part belonged to pages that were busy then and still are.
"""

import re
from collections.abc import Collection, Container, Iterable
from dataclasses import dataclass, field
from typing import Final
from weakref import WeakKeyDictionary

from worker.resources.chromium_processes import read_cpu_s, read_memory
from worker.resources.memory.page_memory import MIB, PageMemory
from worker.resources.proc_files import read_file_of

# Within this time Chromium has freed the memory of a page that was closed, also on a busy machine.
_FREED_WITHIN_S: Final = 3.0
# The least CPU time in these seconds of a page that may have caused growth. One that waits takes none.
_LEAST_CPU_S: Final = 0.15
# Less is not worth a look: each page leaves some.
_SMALL_BYTES: Final = 4 * MIB
_COMMAND_BUFFER_BYTES: Final = MIB
_MAPPING: Final = re.compile(rb"^([0-9a-f]+)-([0-9a-f]+) \S+ \S+ (\S+) (\d+) +\S*org\.chromium", re.MULTILINE)


@dataclass(slots=True)
class _Left:
    """Memory that a page was charged with, and that may be freed now that the page has ended.

    Attributes:
        left_bytes: what was not freed yet.
        until_s: when whatever is left then belongs to other pages.
        others: the pages that rendered beside it, with the CPU time that they had used when it ended.
    """

    left_bytes: float
    until_s: float
    others: WeakKeyDictionary[PageMemory, float]


@dataclass(slots=True)
class SharedGrowth:
    """The memory of the shared processes of one browser, and to whom it belongs."""

    _now: dict[int, int] = field(default_factory=dict)
    _left: list[_Left] = field(default_factory=list)

    def restart(self, shared: Iterable[int]) -> int:
        """Measure, and charge nobody with what has changed. Returns the bytes of all shared processes."""
        self._now = _sizes(shared)
        return sum(self._now.values())

    def ended(self, page: PageMemory, others: Iterable[PageMemory], now_s: float) -> None:
        """A page has ended, and `others` still render. `now_s` is of a monotonic clock."""
        if page.shared_bytes > 0:
            used_s = WeakKeyDictionary({other: _cpu_s(other) for other in others})
            self._left.append(_Left(page.shared_bytes, now_s + _FREED_WITHIN_S, used_s))

    def assign(
        self,
        shared: Iterable[int],
        gpu: Collection[int],
        pages: list[PageMemory],
        now_s: float,
        stopped: Container[PageMemory] = frozenset(),
    ) -> int:
        """Charge the pages with what the shared processes have grown by since the last call.

        Args:
            shared: the processes that all pages share.
            gpu: those of them that draw.
            pages: the pages that render.
            now_s: seconds of a monotonic clock.
            stopped: those of the pages that are stopped (`BackPressure`).

        Returns:
            The bytes of all shared processes.
        """
        before, self._now = self._now, _sizes(shared)
        grown = float(sum(self._now.values()) - sum(before.values()))
        drawn = float(sum(self._now.get(pid, 0) - before.get(pid, 0) for pid in gpu))
        if grown < 0:
            grown, drawn = self._free(grown), 0.0
        else:
            for page in pages:
                grown -= page.add_growth_for_picture(grown)
            drawn = min(max(0.0, drawn), grown)
        if drawn > _SMALL_BYTES and (by_graphics := _graphics(pages, gpu)):
            _divide(drawn, by_graphics)
            grown -= drawn
        # Asked for each time, so that it says what is new since the last time.
        by_new_memory = {page: page.new_page_faults() + 1.0 for page in pages}
        by_shared_memory = {page: page.shared_bytes + 1 for page in pages}
        senders = {page: weight for page, weight in by_new_memory.items() if page in stopped}
        _divide(grown, senders or by_new_memory if grown > 0 else by_shared_memory)
        self._charge_with_left(pages, now_s)
        return sum(self._now.values())

    def _free(self, grown: float) -> float:
        """Memory of pages that have ended is freed first; returns what was freed of pages that render."""
        for one in self._left:
            freed = min(-grown, one.left_bytes)
            one.left_bytes -= freed
            grown += freed
        return grown

    def _charge_with_left(self, pages: list[PageMemory], now_s: float) -> None:
        over = [one for one in self._left if one.until_s <= now_s]
        self._left = [one for one in self._left if one.until_s > now_s and one.left_bytes > 0]
        for one in over:
            used_s = {page: _cpu_s(page) - one.others[page] for page in pages if page in one.others}
            busy = {page: cpu_s for page, cpu_s in used_s.items() if cpu_s > _LEAST_CPU_S}
            if one.left_bytes > _SMALL_BYTES:
                _divide(one.left_bytes, busy)


def _divide(bytes_: float, weights: dict[PageMemory, float]) -> None:
    total = sum(weights.values())
    for page, weight in weights.items():
        page.shared_bytes = max(0.0, page.shared_bytes + bytes_ * weight / total)


def _graphics(pages: list[PageMemory], gpu: Collection[int]) -> dict[PageMemory, float]:
    """The pages that draw with the GPU process; how many command buffers each has."""
    of_gpu = set().union(*(_command_buffers(pid) for pid in gpu))
    found = {
        page: float(sum(len(_command_buffers(pid) & of_gpu) for pid in page.renderers)) for page in pages
    }
    return {page: count for page, count in found.items() if count}


def _command_buffers(pid: int) -> set[tuple[bytes, bytes]]:
    """Device and number of the file behind each mapping of that size. Source: proc_pid_maps(5)."""
    return {
        (device, inode)
        for begin, end, device, inode in _MAPPING.findall(read_file_of(pid, "maps"))
        if int(end, 16) - int(begin, 16) == _COMMAND_BUFFER_BYTES
    }


def _sizes(pids: Iterable[int]) -> dict[int, int]:
    found = {pid: read_memory(pid) for pid in pids}
    return {pid: memory.own_bytes for pid, memory in found.items() if memory is not None}


def _cpu_s(page: PageMemory) -> float:
    return sum(map(read_cpu_s, page.renderers))
