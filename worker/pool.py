"""The slots of a worker and the browser behind them.

One supervisor task holds the story of the generations: launch, watch, replace when due, relaunch after a
crash. Renders only ask for a page and get one from whichever generation is current.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import ExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from playwright.async_api import Playwright

from fleet.errors import ErrorType, RenderError
from fleet.logs import get_logger
from fleet.metrics import BROWSER_GENERATION, BROWSER_LAUNCHED_TIMESTAMP_SECONDS, SLOTS_BUSY
from worker import driver
from worker.browser import BrowserNumbers
from worker.generation import Generation
from worker.page import Page
from worker.recycle import Reason
from worker.settings import BrowserSettings
from worker.tally import Tally
from worker.watch import End, watch

_LAUNCH_ATTEMPTS: Final = 4
_FIRST_PAUSE_S: Final = 0.25
# A planned replacement that failed is tried again later: the old browser still serves.
_RECYCLE_PAUSE_S: Final = 60.0
# For so long a replacement waits for a slot to be empty.
_SLOT_PATIENCE_S: Final = 10.0

log = get_logger(__name__)


class BrokenPoolError(RenderError):
    """No browser can be had any more: that says nothing about the job, which belongs to another worker."""


class Pool:
    """A worker's slots. `start`, then `async with pool.page()` for each render, then `stop`.

    Attributes:
        failed: gets the reason when no browser can be had any more: the worker should hand back its jobs
            and exit.
        busy: slots that are taken.
        tally: what became of its browsers, and what replacing them cost.
        rendered_at: when a render last came to a good end, by the loop's clock; None: none has yet.
    """

    def __init__(
        self, settings: BrowserSettings, folder: Path, *, offer: Callable[[int], None] = lambda _: None
    ) -> None:
        """Prepare a pool.

        Args:
            settings: how many pages, how long a browser lives, which Chromium.
            folder: this worker's own (`worker/scratch.py`); TMPDIR points there.
            offer: told how many slots may be filled; one less while a browser is being replaced.
        """
        self.failed: asyncio.Future[RenderError] = asyncio.get_running_loop().create_future()
        self.busy = 0
        self.tally = Tally()
        self.rendered_at: float | None = None
        self._settings = settings
        self._folder = folder
        self._offer = offer
        self._slots = asyncio.Semaphore(settings.browser_max_pages)
        self._slot_freed = asyncio.Event()
        self._playwright: Playwright | None = None
        self._current: Generation | None = None
        self._changed = asyncio.Event()
        self._launched = 0
        self._is_cramped = False
        self._supervisor: asyncio.Task[None] | None = None
        self._endings: set[asyncio.Task[None]] = set()
        self._closings: set[asyncio.Task[None]] = set()

    @property
    def generation(self) -> int:
        """How many browsers this worker has launched, counting the current one."""
        return self._launched

    @property
    def has_free_slot(self) -> bool:
        """Whether a render would begin at once."""
        return self.busy < self._settings.browser_max_pages

    @property
    def launched_at(self) -> datetime | None:
        """When the current browser was launched; None while there is none."""
        numbers = self.numbers
        return datetime.fromtimestamp(numbers.launched_at, tz=UTC) if numbers is not None else None

    @property
    def numbers(self) -> BrowserNumbers | None:
        """The current generation's numbers; None while there is no browser."""
        return self._current.numbers if self._current is not None else None

    def wear_out(self) -> None:
        """Ask for another browser in place of the current one, because memory is short.

        While nothing renders, the old one ends first: two at once take 60 MB more, and where memory is short
        the kernel ended a process for them.
        """
        if self._current is not None:
            self._is_cramped = True
            self._current.browser.memory.outgrown.set()

    async def start(self) -> None:
        """Start Playwright and the first generation, warm pages included.

        Raises:
            RenderError: `browser_unavailable`: no browser can be launched; the log says why.
        """
        self._playwright = await driver.start()
        try:
            self._serve(await self._launch(self._playwright))
        except BaseException:
            await self.stop()
            raise
        self._supervisor = asyncio.create_task(self._supervise(self._playwright), name="browser supervisor")

    async def stop(self) -> None:
        """End every browser and Playwright; renders lose their pages. May be called twice."""
        if self._supervisor is not None:
            self._supervisor.cancel()
            await asyncio.wait((self._supervisor,))
        current, self._current = self._current, None
        if current is not None:
            await current.end()
        for ending in self._endings:
            ending.cancel()  # drains no longer, and ends its browser
        while running := self._endings | self._closings:
            await asyncio.wait(running)
        playwright, self._playwright = self._playwright, None
        self._announce_change()
        if playwright is not None:
            await driver.stop(playwright)

    @asynccontextmanager
    async def page(self) -> AsyncIterator[Page]:
        """A slot and a fresh page for one render; the page's context is closed whatever happens.

        Closing goes on by itself: the render's result does not wait for it, the slot does.

        Raises:
            BrokenPoolError: there is no browser and none can be launched.
            RenderError: `browser_unavailable`: the browser refuses, or the worker is stopping.
        """
        clock = asyncio.get_running_loop().time
        asked_at = clock()
        with self.tally.visit() as visit:
            await self._slots.acquire()
            self._count_busy(1)
            generation = page = None
            try:
                while page is None:
                    generation = await self._usable()
                    page = await generation.take()
                page.waited_s = visit.waited_s = clock() - asked_at
                yield page
                self.rendered_at = clock()
            finally:
                _keep(self._give_back(generation, page), self._closings)

    @asynccontextmanager
    async def spare_page(self) -> AsyncIterator[Page]:
        """A fresh page beside the slots, for a canary: it keeps no job waiting, and counts in no metric.

        Raises:
            RenderError: `browser_unavailable`: there is no browser and none can be launched.
            DevToolsError: the browser ended, or refuses.
        """
        generation = await self._usable()
        page = await generation.spare()
        try:
            yield page
        finally:
            _keep(generation.give_back(page), self._closings)

    async def _give_back(self, generation: Generation | None, page: Page | None) -> None:
        if generation is not None and page is not None:
            await generation.give_back(page)
        self._count_busy(-1)
        self._slots.release()

    async def wait_browser(self, *, present: bool) -> None:
        """Return when there is a browser, or when there is none: after a crash, until the next one."""
        while (self._current is not None) is not present:
            await self._changed.wait()

    async def _usable(self) -> Generation:
        while self._current is None or not self._current.is_alive:
            if self.failed.done():
                raise BrokenPoolError(ErrorType.BROWSER_UNAVAILABLE, self.failed.result().detail)
            if self._playwright is None:
                raise _unavailable("the worker is stopping")
            await self._changed.wait()
        return self._current

    async def _supervise(self, playwright: Playwright) -> None:
        """Keep a generation current for as long as one can be had."""
        try:
            while True:
                await self._next_generation(playwright)
        except RenderError as error:
            self._fail(error)
        except Exception:
            log.exception("the browser supervisor ended by an error that it does not know")
            self._fail(_unavailable("the browser supervisor ended"))

    async def _next_generation(self, playwright: Playwright) -> None:
        """Wait until the current browser ends or is due, and put another in its place."""
        generation = self._current
        if generation is None:
            raise _unavailable("the worker is stopping")
        ended = asyncio.create_task(watch(generation.browser, self._settings), name="watch browser")
        due = asyncio.create_task(generation.timer.due(), name="recycle timer")
        try:
            await asyncio.wait((ended, due), return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                self._current = None
                self._announce_change()
                self.tally.count_crash(ended.result())
                log.error(
                    "the browser ended", generation=generation.numbers.generation, reason=ended.result()
                )
                _keep(generation.end(), self._endings)
                self._serve(await self._relaunch(playwright))
            elif self._is_cramped and not self.busy:
                await self._renew_idle(playwright, generation, due.result())
            else:
                await self._recycle(playwright, generation, due.result(), ended)
        finally:
            ended.cancel()
            due.cancel()

    async def _recycle(
        self, playwright: Playwright, old: Generation, reason: Reason, ended: asyncio.Task[End]
    ) -> None:
        """Launch and warm the next generation, then swap: no render ever finds nothing."""
        with ExitStack() as replacement:
            try:
                await self._empty_a_slot(ended)
                replacement.enter_context(self.tally.replacement())
                self._serve(await self._launch(playwright))
            except RenderError as error:
                log.warning("cannot replace the browser, keeping it", reason=reason, detail=error.detail)
            else:
                self.tally.count_recycle(reason)
                log.info("browser replaced", generation=old.numbers.generation, reason=reason)
                _keep(self._retire(old, replacement.pop_all()), self._endings)
                return
            finally:
                self._offer(self._settings.browser_max_pages)
        await asyncio.wait((ended,), timeout=_RECYCLE_PAUSE_S)

    async def _empty_a_slot(self, ended: asyncio.Task[End]) -> None:
        """Let the launch take the place of a render: with all slots busy it would slow every one of them.

        The job that would have begun goes to another worker, or waits for half a second in the queue. A
        worker with one slot has none to spare.
        """
        slots = self._settings.browser_max_pages
        self._offer(max(1, slots - 1))
        clock = asyncio.get_running_loop().time
        deadline = clock() + _SLOT_PATIENCE_S
        while 1 < slots <= self.busy and not ended.done() and clock() < deadline:
            self._slot_freed.clear()
            freed = asyncio.create_task(self._slot_freed.wait())
            await asyncio.wait(
                (freed, ended), timeout=deadline - clock(), return_when=asyncio.FIRST_COMPLETED
            )
            freed.cancel()

    async def _renew_idle(self, playwright: Playwright, old: Generation, reason: Reason) -> None:
        """End a browser in which nothing renders, then launch the next one."""
        self._current = None
        self._announce_change()
        with self.tally.replacement():
            await old.end()
            self._serve(await self._relaunch(playwright))
        self.tally.count_recycle(reason)
        log.info("browser replaced", generation=old.numbers.generation, reason=reason)

    async def _retire(self, old: Generation, replacement: ExitStack) -> None:
        with replacement:
            await old.retire(self._settings.browser_drain_s)

    async def _relaunch(self, playwright: Playwright) -> Generation:
        for attempt in range(_LAUNCH_ATTEMPTS):
            try:
                return await self._launch(playwright)
            except RenderError as error:
                if not await driver.answers(playwright):
                    raise _unavailable("Playwright's driver process has ended") from error
                log.warning("relaunch failed", attempt=attempt + 1, detail=error.detail)
                await asyncio.sleep(_FIRST_PAUSE_S * 2**attempt)
        raise _unavailable(f"Chromium could not be launched {_LAUNCH_ATTEMPTS} times in a row")

    async def _launch(self, playwright: Playwright) -> Generation:
        generation = await Generation.launch(playwright, self._settings, self._launched + 1, self._folder)
        self._launched += 1
        return generation

    def _serve(self, generation: Generation) -> None:
        self._current, self._is_cramped = generation, False
        BROWSER_GENERATION.set(generation.numbers.generation)
        BROWSER_LAUNCHED_TIMESTAMP_SECONDS.set(generation.numbers.launched_at)
        self._announce_change()

    def _fail(self, error: RenderError) -> None:
        log.critical("no browser can be had any more", reason=error.detail)
        self._current = None
        self.failed.set_result(error)
        self._announce_change()

    def _announce_change(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _count_busy(self, difference: int) -> None:
        self.busy += difference
        if difference < 0:
            self._slot_freed.set()
        SLOTS_BUSY.set(self.busy)


def _keep(work: Coroutine[Any, Any, None], running: set[asyncio.Task[None]]) -> None:
    """Run `work` by itself, so that cancelling whoever began it cannot stop it."""
    task = asyncio.create_task(work)
    running.add(task)
    task.add_done_callback(running.discard)


def _unavailable(detail: str) -> RenderError:
    return RenderError(ErrorType.BROWSER_UNAVAILABLE, detail)
