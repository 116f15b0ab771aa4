"""Measures the memory of the pages in one browser, and ends a page that uses too much.

DevTools does not report process ids, and reports only the JavaScript heap (1 MB when the process used 690
MB). So Chromium's processes are measured from outside, ten times a second while pages render. Each browser
context has its own renderer, so the memory of a renderer belongs to its page. Blobs, stored data and WebGL
use memory of processes that all pages share. shared_growth.py finds out for which page these have grown.

A page is ended by SIGKILL to its renderer. The page fails within milliseconds, other pages are not affected.
"""

import asyncio
import contextlib
import math
import os
import signal
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from weakref import WeakSet

from fleet.telemetry.logs import get_logger
from fleet.telemetry.metrics.of_worker import MEMORY_KILLS, PAGES_ENDED, RENDER_MEMORY_BYTES
from worker.resources.back_pressure import BackPressure
from worker.resources.chromium_processes import (
    BrowserProcesses,
    is_marked,
    put_behind_others,
    read_memory,
    read_threads,
)
from worker.resources.memory.page_memory import MIB, MemoryExcess, MemoryHolder, PageGoneError, PageMemory
from worker.resources.memory.picture_budget import LARGEST_MIB, PictureBudget
from worker.resources.memory.render_limit import MAX_DEFAULT_LIMIT_MIB
from worker.resources.memory.shared_growth import SharedGrowth
from worker.resources.saturation import Saturation
from worker.resources.shared_cpu import SharedCpu
from worker.settings import BrowserSettings

# A page that fills memory as fast as it can uses 100 to 200 MB more in this time (1 to 2 GB/s, measured).
_CHECK_INTERVAL_S: Final = 0.1
# The processes other than renderers change seldom: when the GPU process or a service is restarted.
_CHECKS_PER_TREE_READ: Final = 10

# Enough for three waits: until no other page is being created, until this page answers, and until its mark
# shows. The mark is a thread of the renderer (`Page.marked`), which gets its name a moment after its start.
# With 10 programs on 2 cores, the three took 0.25 s in all (measured).
_MARK_TIMEOUT_S: Final = 5.0
_MARK_PAUSE_S: Final = 0.005
# A job at its end waits no longer than this for all of its memory to be known. Beside a page that floods the
# browser, the next page, which is being created, may take seconds.
_SETTLE_TIMEOUT_S: Final = 0.5

_FLOOD: Final = (
    "the page kept the browser, which all pages share, busy with data, frames, requests or calls without end"
)

# After a page was ended, the windows that it had opened are closed within this time. Until then, a renderer
# of no known page may belong to such a window. So it is not assigned to the only page that still renders.
_STRAYS_CLOSE_S: Final = 5.0

# A renderer without web workers has 8 to 20 threads. The kernel divides the CPU among threads, so a page with
# many workers would leave little to others. Above _EQUAL_THREADS a page gets only CPU that is otherwise idle.
_EQUAL_THREADS: Final = 28
_MAX_THREADS: Final = 150
_MANY_THREADS: Final = f"the page started more than {_MAX_THREADS} threads, such as workers"

log = get_logger(__name__)


class NewRenderer:
    """Finds the renderer of a page that is being created.

    Attributes:
        memory: of the new page.
    """

    def __init__(self, processes: BrowserProcesses, pictures: PictureBudget | None = None) -> None:
        self.memory = PageMemory() if pictures is None else PageMemory(pictures=pictures)
        self._processes = processes
        self._before = processes.renderers()

    def find(self) -> bool:
        """Take the only new renderer. False: there is none, or several, because another page got one, too."""
        new = self._processes.renderers() - self._before
        if len(new) == 1:
            self.memory.renderers = new
        return bool(self.memory.renderers)

    async def find_by_mark(self) -> None:
        """Find it among all renderers: the one whose page is marked (`Page.marked`)."""
        with contextlib.suppress(TimeoutError):  # without it, the page is measured once a check finds it
            async with asyncio.timeout(_MARK_TIMEOUT_S):
                self.memory.renderers = await _find_marked(self._processes)


class MemoryGuard:
    """Measures and limits the pages of one browser.

    Attributes:
        back_pressure: the pages that are stopped while the shared processes work on what they sent.
        outgrown: set once the processes that all pages share use more than BROWSER_MAX_RSS_MB.
    """

    def __init__(self, browser_pid: int, settings: BrowserSettings) -> None:
        self.outgrown = asyncio.Event()
        self._processes = BrowserProcesses(browser_pid)
        self._render_limit_bytes = (settings.render_memory_limit_mb or MAX_DEFAULT_LIMIT_MIB) * MIB
        self._browser_limit_bytes = settings.browser_max_rss_mb * MIB
        self._shared_cpu = SharedCpu()
        self._saturation = Saturation()
        self.back_pressure = BackPressure()
        self._pictures = PictureBudget(settings.capture_memory_mb or LARGEST_MIB)
        self._creating = asyncio.Lock()
        self._strays_until = -math.inf
        self._pages: WeakSet[PageMemory] = WeakSet()
        self._rendering: list[PageMemory] = []
        self._has_begun = asyncio.Event()
        self._growth = SharedGrowth()

    @asynccontextmanager
    async def creating(self) -> AsyncIterator[NewRenderer]:
        """Open this around the creation of a page: one at a time, so that a new renderer is this page's.

        This costs no time: four pages took 0.22 s both one by one and together (two cores).
        """
        async with self._creating:
            new_renderer = NewRenderer(self._processes, self._pictures)
            yield new_renderer
            self._pages.add(new_renderer.memory)

    def renderers(self) -> frozenset[int]:
        """The renderer processes that exist now."""
        return self._processes.renderers()

    def begin(self, page: PageMemory) -> None:
        """Watch this page: its render begins."""
        if not self._rendering:
            self._growth.restart(self._processes.shared)
            self._saturation.restart()
        page.new_page_faults()
        self._rendering.append(page)
        self._has_begun.set()

    async def settle(self, page: PageMemory) -> None:
        """Measure the page once more, before the memory of its render is reported.

        Sometimes Chromium keeps a page's old renderer after it has started a new one (1 in 6 while another
        page was created, measured). Then the page is marked, to find its renderer. Otherwise the page is
        not asked for anything.
        """
        self.back_pressure.release(page)
        if self._find_pages(self._processes.renderers()) and page.marked is not None:
            # If the page does not answer in time, its earlier measurements are reported.
            with contextlib.suppress(PageGoneError, TimeoutError):
                # Only one page may be marked at a time; `creating` marks pages, too.
                async with asyncio.timeout(_SETTLE_TIMEOUT_S), self._creating, page.marked():
                    page.renderers |= await _find_marked(self._processes)
        page.measure()

    def end(self, page: PageMemory) -> None:
        """Stop watching this page: its render is over. Call it before the page is closed.

        A page that has flooded the shared processes is killed. Otherwise they would first finish its flood.
        """
        page.measure()
        if self._shared_cpu.is_suspicious(page):
            self._shared_cpu.ended(page, time.monotonic())
            for pid in page.renderers | self.back_pressure.stopped_processes_of(page):
                _kill_process(pid)
        self.back_pressure.release(page)
        self._rendering.remove(page)
        page.end_picture()
        self._growth.ended(page, self._rendering, time.monotonic())
        if page.peak_bytes is not None:
            RENDER_MEMORY_BYTES.observe(page.peak_bytes)

    async def watch(self) -> None:
        """Check again and again while pages render. Runs until it is cancelled."""
        checks = 0
        while True:
            await self.until_rendering()
            await asyncio.sleep(_CHECK_INTERVAL_S)
            if checks % _CHECKS_PER_TREE_READ == 0:
                self._processes.read_tree()
            checks += 1
            self.check()

    def check(self) -> None:
        """Measure all processes once; end pages and renderers that use too much."""
        unassigned = self._find_pages(self._processes.renderers())
        for page in self._rendering:
            used_bytes = page.measure()
            if used_bytes > self._render_limit_bytes + page.allowance_bytes:
                self._kill(page, MemoryExcess(MemoryHolder.RENDERER, used_bytes, self._render_limit_bytes))
        self._kill_large(unassigned)
        self._check_shared()
        self._check_shared_cpu()
        for page in self._rendering:
            threads = sum(map(read_threads, page.renderers))
            if threads > _MAX_THREADS:
                self.end_misuse(page, _MANY_THREADS)
            elif threads > _EQUAL_THREADS:
                for pid in page.renderers:
                    put_behind_others(pid)

    def _check_shared_cpu(self) -> None:
        """Stop a page while it keeps the shared processes busy; end it if it does so again and again."""
        now = time.monotonic()
        cpu, saturation = self._shared_cpu, self._saturation
        saturation.check(now, self._processes.services, self._rendering, stopped=self.back_pressure)
        flooding = cpu.check(
            now,
            self._processes.services,
            self._rendering,
            stopped=self.back_pressure,
            is_saturated=saturation.is_saturated,
        )
        if flooding is not None:
            self.end_misuse(flooding, _FLOOD)
        sender = cpu.sender() or saturation.sender
        self.back_pressure.update(now, sender, are_busy=cpu.are_busy or saturation.is_saturated)

    async def until_rendering(self) -> None:
        """Return when a page renders: at once, if one does."""
        if not self._rendering:
            self._has_begun.clear()
            await self._has_begun.wait()

    @property
    def may_be_silent(self) -> bool:
        """Whether the browser process has a reason to be silent for seconds, and works all the same.

        It may encode a large picture, or still handle the messages of a page that was ended because it had
        sent too many.
        """
        return self._shared_cpu.has_left_work or any(page.has_large_picture for page in self._rendering)

    def end_busiest(self) -> None:
        """End the page that is clearly busiest. Call this when the browser process does not answer."""
        page = self._shared_cpu.busiest()
        if page is not None and page in self._rendering:
            self.end_misuse(page, _FLOOD)

    def end_misuse(self, page: PageMemory, misuse: str) -> None:
        """End a page that overloads what all pages share. `misuse` says so, for the job's owner."""
        if page.misuse is not None or page.excess is not None:
            return
        page.misuse = misuse
        now = time.monotonic()
        self._strays_until = now + _STRAYS_CLOSE_S
        self._shared_cpu.ended(page, now)
        PAGES_ENDED.inc()
        log.warning("ending a page", reason=misuse, pids=sorted(page.renderers))
        for pid in page.renderers:
            _kill_process(pid)

    def _find_pages(self, renderers: frozenset[int]) -> set[int]:
        """Assign renderers without a page: a navigation may have given a page a new renderer.

        That happens where a page isolates itself (Cross-Origin-Opener-Policy). If two pages do so between
        two checks, each may get the other's renderer; nothing else goes wrong then.

        Returns:
            The renderers that belong to no known page.
        """
        unassigned = set(renderers).difference(*(page.renderers for page in self._pages))
        if not unassigned or self._creating.locked():
            return unassigned
        without_renderer = [page for page in self._rendering if not page.renderers & renderers]
        for pid, page in zip(sorted(unassigned), without_renderer, strict=False):
            page.renderers = frozenset((pid,))
            unassigned.discard(pid)
        are_strays = time.monotonic() < self._strays_until
        if not without_renderer and len(self._rendering) == 1 and not are_strays:
            self._rendering[0].renderers |= unassigned
            unassigned.clear()
        return unassigned

    def _kill_large(self, unassigned: set[int]) -> None:
        """Apply the limit to renderers that belong to no known page, too."""
        for pid in unassigned:
            memory = read_memory(pid)
            if memory is not None and memory.own_bytes > self._render_limit_bytes:
                log.warning(
                    "ending a renderer of an unknown page: it uses too much memory",
                    pid=pid,
                    used_bytes=memory.own_bytes,
                )
                MEMORY_KILLS.labels(MemoryHolder.RENDERER).inc()
                _kill_process(pid)

    def _check_shared(self) -> None:
        """Charge pages with the growth of the shared processes; end a page that has too much of it.

        A browser that has grown above its own limit is replaced, but its pages render on in it and may let it
        grow further. If the shared processes exceed BROWSER_MAX_RSS_MB by more than RENDER_MEMORY_LIMIT_MB
        and the allowance for large pictures, the page with the largest share of the growth is ended, if its
        share is more than half of RENDER_MEMORY_LIMIT_MB.
        """
        shared, services = self._processes.shared, self._processes.services
        now_bytes = self._growth.assign(
            shared, shared - services, self._rendering, time.monotonic(), stopped=self.back_pressure
        )
        for page in self._rendering:
            if page.shared_bytes > self._render_limit_bytes + page.allowance_bytes:
                self._kill_for_shared(page, self._render_limit_bytes)
        pictures_bytes = sum(page.allowance_bytes for page in self._rendering)
        if now_bytes > self._browser_limit_bytes:
            self.outgrown.set()
        if now_bytes > self._browser_limit_bytes + self._render_limit_bytes + pictures_bytes:
            worst = max(self._rendering, key=lambda page: page.shared_bytes)
            if worst.shared_bytes > self._render_limit_bytes // 2:
                self._kill_for_shared(worst, self._render_limit_bytes // 2)

    def _kill_for_shared(self, page: PageMemory, limit_bytes: int) -> None:
        self._kill(page, MemoryExcess(MemoryHolder.SHARED, int(page.shared_bytes), limit_bytes))

    def _kill(self, page: PageMemory, excess: MemoryExcess) -> None:
        if page.excess is not None:
            return
        page.excess = excess
        MEMORY_KILLS.labels(excess.holder).inc()
        log.warning("ending a page", reason=str(excess), pids=sorted(page.renderers))
        for pid in page.renderers:
            _kill_process(pid)


async def _find_marked(processes: BrowserProcesses) -> frozenset[int]:
    """The renderer of the page that is marked, as soon as its mark shows; empty where there is no /proc."""
    while renderers := processes.renderers():
        if found := frozenset(filter(is_marked, renderers)):
            return found
        await asyncio.sleep(_MARK_PAUSE_S)
    return frozenset()


def _kill_process(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
