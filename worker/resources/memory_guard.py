"""Memory of the renders in one browser: measured, put down to the page that caused it, ended if too much.

DevTools names no process ids, and what it tells of memory is the JavaScript heap alone (1 MB at 690 MB
resident). So processes are watched from outside, ten times a second while pages render. Chromium gives each
browser context a renderer of its own, which makes a renderer's memory its page's. Blobs, stored data and
WebGL grow the processes that all pages share; such growth is put down to the pages that touched new memory
meanwhile, by how much they did: data is made in the renderer before it is handed over.

Ending a renderer is a SIGKILL: its page hears of it within milliseconds, its neighbours do not notice.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final
from weakref import WeakSet

from fleet.telemetry.logs import get_logger
from fleet.telemetry.metrics import MEMORY_KILLS, RENDER_MEMORY_BYTES
from worker.resources.chromium_processes import BrowserProcesses, is_marked, read_memory
from worker.resources.page_memory import MIB, Excess, PageGoneError, PageMemory, Where
from worker.resources.render_limit import USUAL_LIMIT_MIB
from worker.settings import BrowserSettings

# A page that fills memory as fast as it can takes 100 to 200 MB between two looks (1 to 2 GB/s, measured).
_LOOK_INTERVAL_S: Final = 0.1
# Which processes there are besides renderers changes seldom: when the GPU process or a service is restarted.
_LOOKS_PER_WALK: Final = 10

# For another page that is being made, and for an answer of this one.
_MARK_TIMEOUT_S: Final = 2.0
# A thread gets its name a moment after it was started, on a busy machine a long one.
_MARK_LOOKS: Final = 40
_MARK_PAUSE_S: Final = 0.005

log = get_logger(__name__)


class Birth:
    """Finds the renderer of a page that is being created.

    Attributes:
        account: the new page's.
    """

    def __init__(self, processes: BrowserProcesses) -> None:
        self.account = PageMemory()
        self._processes = processes
        self._before = processes.renderers()

    def is_clear(self) -> bool:
        """Whether exactly one renderer was born. Another page may have changed its own meanwhile."""
        born = self._processes.renderers() - self._before
        if len(born) == 1:
            self.account.renderers = born
        return bool(self.account.renderers)

    async def look_for_mark(self) -> None:
        """Among all renderers, take the one whose page has marked itself (`Page.marked`)."""
        self.account.renderers = await _find_marked(self._processes)


class MemoryGuard:
    """Watches one browser. Of its pages it knows the accounts.

    Attributes:
        outgrown: set once the processes that all pages share hold more than BROWSER_MAX_RSS_MB.
    """

    def __init__(self, browser_pid: int, settings: BrowserSettings) -> None:
        self.outgrown = asyncio.Event()
        self._processes = BrowserProcesses(browser_pid)
        self._render_limit_bytes = (settings.render_memory_limit_mb or USUAL_LIMIT_MIB) * MIB
        self._browser_limit_bytes = settings.browser_max_rss_mb * MIB
        self._creating = asyncio.Lock()
        self._accounts: WeakSet[PageMemory] = WeakSet()
        self._open: list[PageMemory] = []
        self._begun = asyncio.Event()
        self._shared_bytes = 0
        self._leaving_bytes = 0.0

    @asynccontextmanager
    async def creating(self) -> AsyncIterator["Birth"]:
        """Around the creation of a page: one at a time, so that the renderer born meanwhile is its own.

        This costs no time: four pages took 0.22 s both one by one and together (two cores).
        """
        async with self._creating:
            birth = Birth(self._processes)
            yield birth
            self._accounts.add(birth.account)

    def renderers(self) -> frozenset[int]:
        """The processes of pages that live now."""
        return self._processes.renderers()

    def begin(self, account: PageMemory) -> None:
        """A render has got this page."""
        if not self._open:
            self._shared_bytes = self._measure_shared()
        account.touched_pages()
        self._open.append(account)
        self._begun.set()

    async def settle(self, account: PageMemory) -> None:
        """Look once more before it is told what a render took; nearly always that asks the page nothing.

        Now and then Chromium keeps a page's old renderer after it has got a new one (1 in 6 while another
        page was created, measured): then the page itself has to say which one is its own.
        """
        if self._attribute(self._processes.renderers()) and account.marked is not None:
            with contextlib.suppress(PageGoneError, TimeoutError):  # it is told what was seen so far
                # One page is marked at a time: the next one's own may be told from others by its mark too.
                async with asyncio.timeout(_MARK_TIMEOUT_S), self._creating, account.marked():
                    account.renderers |= await _find_marked(self._processes)
        account.measure()

    def end(self, account: PageMemory) -> None:
        """The render is over, its page still there."""
        account.measure()
        self._open.remove(account)
        self._leaving_bytes += account.shared_bytes
        if account.peak_bytes is not None:
            RENDER_MEMORY_BYTES.observe(account.peak_bytes)

    async def watch(self) -> None:
        """Look again and again for as long as anything renders. Ends by being cancelled."""
        looks = 0
        while True:
            if not self._open:
                self._begun.clear()
                await self._begun.wait()
            await asyncio.sleep(_LOOK_INTERVAL_S)
            if looks % _LOOKS_PER_WALK == 0:
                self._processes.walk()
            looks += 1
            self.look()

    def look(self) -> None:
        """Measure everything once; end what takes too much."""
        strangers = self._attribute(self._processes.renderers())
        for account in self._open:
            used_bytes = account.measure()
            if used_bytes > self._render_limit_bytes + account.allowance_bytes:
                self._kill(account, Excess(Where.RENDERER, used_bytes, self._render_limit_bytes))
        self._end_fat(strangers)
        self._share_growth()

    def _attribute(self, living: frozenset[int]) -> set[int]:
        """Find the page of each renderer that was born after its page: a navigation may change it.

        Renderers change where a page isolates itself (Cross-Origin-Opener-Policy). Should two pages do so
        between two looks, their accounts may be swapped; nothing else comes of it than that.

        Returns:
            Renderers that are no page's.
        """
        strangers = set(living).difference(*(account.renderers for account in self._accounts))
        if not strangers or self._creating.locked():
            return strangers
        bereft = [account for account in self._open if not account.renderers & living]
        for pid, account in zip(sorted(strangers), bereft, strict=False):
            account.renderers = frozenset((pid,))
            strangers.discard(pid)
        if not bereft and len(self._open) == 1:
            self._open[0].renderers |= strangers
            strangers.clear()
        return strangers

    def _end_fat(self, strangers: set[int]) -> None:
        """Nobody knows whose they are, and nobody is to be without a limit."""
        for pid in strangers:
            memory = read_memory(pid)
            if memory is not None and memory.own_bytes > self._render_limit_bytes:
                log.warning("ending a renderer that is no page's", pid=pid, used_bytes=memory.own_bytes)
                MEMORY_KILLS.labels(Where.RENDERER).inc()
                _end(pid)

    def _share_growth(self) -> None:
        """Put the growth of the shared processes since the last look down to those who caused it."""
        now_bytes = self._measure_shared()
        grown_bytes, self._shared_bytes = float(now_bytes - self._shared_bytes), now_bytes
        if grown_bytes < 0:
            # What the last pages left goes first; the rest was let go of by those that are here.
            gone_bytes = min(-grown_bytes, self._leaving_bytes)
            self._leaving_bytes -= gone_bytes
            grown_bytes += gone_bytes
        for account in self._open:
            grown_bytes -= account.take_for_picture(grown_bytes)
        self._divide(grown_bytes)
        for account in self._open:
            if account.shared_bytes > self._render_limit_bytes + account.allowance_bytes:
                excess = Excess(Where.SHARED, int(account.shared_bytes), self._render_limit_bytes)
                self._kill(account, excess)
        if now_bytes > self._browser_limit_bytes:
            self.outgrown.set()

    def _divide(self, grown_bytes: float) -> None:
        """More for those that touched more memory since the last look, less for those that hold more."""
        touched = {account: account.touched_pages() + 1.0 for account in self._open}
        weights = touched if grown_bytes > 0 else {a: a.shared_bytes + 1 for a in self._open}
        whole = sum(weights.values())
        for account, weight in weights.items():
            account.shared_bytes = max(0.0, account.shared_bytes + grown_bytes * weight / whole)

    def _measure_shared(self) -> int:
        found = (read_memory(pid) for pid in self._processes.shared)
        return sum(memory.own_bytes for memory in found if memory is not None)

    def _kill(self, account: PageMemory, excess: Excess) -> None:
        if account.excess is not None:
            return
        account.excess = excess
        MEMORY_KILLS.labels(excess.where).inc()
        log.warning("ending a page", reason=str(excess), pids=sorted(account.renderers))
        for pid in account.renderers:
            _end(pid)


async def _find_marked(processes: BrowserProcesses) -> frozenset[int]:
    """The renderer of the page that has marked itself; none when its mark does not show in time."""
    for _ in range(_MARK_LOOKS):
        if found := frozenset(filter(is_marked, processes.renderers())):
            return found
        await asyncio.sleep(_MARK_PAUSE_S)
    return frozenset()


def _end(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
