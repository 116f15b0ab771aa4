"""The slots of a worker and the browser behind them.

One supervisor task holds the story of the generations: launch, watch, replace when due, relaunch after a
crash. Renders only ask for a page and get one from whichever generation is current.
"""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from playwright.async_api import Error as PlaywrightError
from playwright.async_api import Playwright, async_playwright

from fleet.errors import ErrorType, RenderError
from fleet.logs import get_logger
from fleet.metrics import (
    BROWSER_CRASHES,
    BROWSER_GENERATION,
    BROWSER_RECYCLES,
    SLOT_WAIT_SECONDS,
    SLOTS_BUSY,
)
from worker.browser import Browser, BrowserNumbers
from worker.devtools import ConnectionLostError, DevToolsError
from worker.page import Page
from worker.recycle import RecycleTimer
from worker.settings import BrowserSettings
from worker.warm import WarmPages
from worker.watch import watch

_LAUNCH_ATTEMPTS: Final = 4
_FIRST_PAUSE_S: Final = 0.25
# A planned replacement that failed is tried again later: the old browser still serves.
_RECYCLE_PAUSE_S: Final = 60.0
_DRIVER_TIMEOUT_S: Final = 5.0

log = get_logger(__name__)


@dataclass(slots=True)
class _Generation:
    """A browser with what serves it."""

    browser: Browser
    warm: WarmPages
    timer: RecycleTimer


class Pool:
    """A worker's slots. `start`, then `async with pool.page()` for each render, then `stop`.

    Attributes:
        failed: gets the reason when no browser can be had any more: the worker should hand back its jobs
            and exit.
        busy: slots that are taken.
    """

    def __init__(self, settings: BrowserSettings, folder: Path) -> None:
        """Prepare a pool; profiles and whatever Chromium writes go into `folder`, this worker's own."""
        self.failed: asyncio.Future[RenderError] = asyncio.get_running_loop().create_future()
        self.busy = 0
        self._settings = settings
        self._folder = folder
        self._slots = asyncio.Semaphore(settings.browser_max_pages)
        self._playwright: Playwright | None = None
        self._current: _Generation | None = None
        self._changed = asyncio.Event()
        self._launched = 0
        self._supervisor: asyncio.Task[None] | None = None
        self._background: set[asyncio.Task[None]] = set()

    @property
    def generation(self) -> int:
        """How many browsers this worker has launched, counting the current one."""
        return self._launched

    @property
    def launched_at(self) -> datetime | None:
        """When the current browser was launched; None while there is none."""
        numbers = self.numbers
        return datetime.fromtimestamp(numbers.launched_at, tz=UTC) if numbers is not None else None

    @property
    def numbers(self) -> BrowserNumbers | None:
        """The current generation's numbers; None while there is no browser."""
        return self._current.browser.numbers if self._current is not None else None

    async def start(self) -> None:
        """Start Playwright and the first generation, warm pages included.

        Raises:
            RenderError: `browser_unavailable`: no browser can be launched; the log says why.
        """
        self._playwright = await async_playwright().start()
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
        if self._current is not None:
            current, self._current = self._current, None
            await self._end(current)
        while self._background:
            await asyncio.wait(self._background)
        if self._playwright is not None:
            playwright, self._playwright = self._playwright, None
            await _stop_playwright(playwright)

    @asynccontextmanager
    async def page(self) -> AsyncIterator[Page]:
        """A slot and a fresh page for one render; the page's context is closed whatever happens.

        Closing goes on by itself, the render's result does not wait for it; the slot does.

        Raises:
            RenderError: `browser_unavailable`: there is no browser and none can be launched.
        """
        loop = asyncio.get_running_loop()
        asked_at = loop.time()
        await self._slots.acquire()
        try:
            generation, page = await self._take()
        except BaseException:
            self._slots.release()
            raise
        page.waited_s = loop.time() - asked_at
        SLOT_WAIT_SECONDS.observe(page.waited_s)
        self.busy += 1
        SLOTS_BUSY.inc()
        generation.timer.count_render()
        try:
            yield page
        finally:
            self._in_background(self._give_back(generation, page))

    async def _take(self) -> tuple[_Generation, Page]:
        while True:
            generation = await self._usable()
            # Counted before there is a page: a browser that is being replaced meanwhile waits for it.
            generation.browser.numbers.pages_open += 1
            page = None
            try:
                page = await generation.warm.take()
            except ConnectionLostError:
                log.info("the browser ended before it gave a page, waiting for the next")
            except DevToolsError as error:
                raise _unavailable("the browser gave no page") from error
            finally:
                if page is None:
                    generation.browser.numbers.pages_open -= 1
            if page is not None:
                return generation, page

    async def _usable(self) -> _Generation:
        while self._current is None or not self._current.browser.is_alive:
            if self.failed.done():
                raise self.failed.result()
            await self._changed.wait()
        return self._current

    async def _give_back(self, generation: _Generation, page: Page) -> None:
        try:
            await page.close()
        finally:
            generation.browser.numbers.pages_open -= 1
            self.busy -= 1
            SLOTS_BUSY.dec()
            self._slots.release()
            self._announce_change()

    async def _supervise(self, playwright: Playwright) -> None:
        while self._current is not None:
            generation = self._current
            ended = asyncio.create_task(watch(generation.browser, self._settings), name="watch browser")
            due = asyncio.create_task(generation.timer.due(), name="recycle timer")
            try:
                await asyncio.wait((ended, due), return_when=asyncio.FIRST_COMPLETED)
                if ended.done():
                    self._crashed(generation, ended.result())
                    self._serve(await self._relaunch(playwright))
                else:
                    await self._recycle(playwright, generation, due.result(), ended)
            except RenderError as error:
                self._fail(error)
            finally:
                ended.cancel()
                due.cancel()

    def _crashed(self, generation: _Generation, reason: str) -> None:
        log.error("the browser ended", generation=generation.browser.numbers.generation, reason=reason)
        BROWSER_CRASHES.labels(reason).inc()
        self._current = None
        self._in_background(self._end(generation))

    async def _recycle(
        self, playwright: Playwright, old: _Generation, reason: str, ended: asyncio.Task[str]
    ) -> None:
        """Launch and warm the next generation, then swap: no render ever finds nothing."""
        try:
            self._serve(await self._launch(playwright))
        except RenderError as error:
            log.error("cannot replace the browser, keeping it", reason=reason, detail=error.detail)  # noqa: TRY400
            await asyncio.wait((ended,), timeout=_RECYCLE_PAUSE_S)
            return
        BROWSER_RECYCLES.labels(reason).inc()
        log.info("browser replaced", generation=old.browser.numbers.generation, reason=reason)
        self._in_background(self._retire(old))

    async def _relaunch(self, playwright: Playwright) -> _Generation:
        for attempt in range(_LAUNCH_ATTEMPTS):
            try:
                return await self._launch(playwright)
            except RenderError as error:
                if not await _driver_answers(playwright):
                    raise _unavailable("Playwright's driver process has ended") from error
                log.warning("relaunch failed", attempt=attempt + 1, detail=error.detail)
                await asyncio.sleep(_FIRST_PAUSE_S * 2**attempt)
        raise _unavailable(f"Chromium could not be launched {_LAUNCH_ATTEMPTS} times in a row")

    async def _launch(self, playwright: Playwright) -> _Generation:
        self._launched += 1
        browser = await Browser.launch(playwright, self._settings, self._launched, self._folder)
        warm = WarmPages(browser, self._settings.browser_warm_pages)
        try:
            await warm.fill()
        except DevToolsError as error:
            await browser.close()
            raise _unavailable("the browser ended after its start") from error
        return _Generation(browser, warm, RecycleTimer(browser, self._settings))

    def _serve(self, generation: _Generation) -> None:
        self._current = generation
        BROWSER_GENERATION.set(generation.browser.numbers.generation)
        self._announce_change()

    def _fail(self, error: RenderError) -> None:
        log.critical("no browser can be had any more", reason=error.detail)
        self._current = None
        self.failed.set_result(error)
        self._announce_change()

    def _announce_change(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def _retire(self, generation: _Generation) -> None:
        """Let a replaced browser finish its renders, then end it."""
        await generation.warm.close()
        try:
            async with asyncio.timeout(self._settings.browser_drain_s):
                while generation.browser.numbers.pages_open and generation.browser.is_alive:
                    await self._changed.wait()
        except TimeoutError:
            log.warning("ending a replaced browser with renders in it", **_facts(generation.browser))
        await generation.browser.close()

    async def _end(self, generation: _Generation) -> None:
        await generation.warm.close()
        await generation.browser.close()

    def _in_background(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._background.add(task)
        task.add_done_callback(self._background.discard)


def _facts(browser: Browser) -> dict[str, int]:
    return {"generation": browser.numbers.generation, "pages_open": browser.numbers.pages_open}


def _unavailable(detail: str) -> RenderError:
    return RenderError(ErrorType.BROWSER_UNAVAILABLE, detail)


async def _stop_playwright(playwright: Playwright) -> None:
    try:
        async with asyncio.timeout(_DRIVER_TIMEOUT_S):
            await playwright.stop()
    except (TimeoutError, PlaywrightError) as error:
        log.warning("Playwright did not stop", reason=repr(error))


async def _driver_answers(playwright: Playwright) -> bool:
    """Whether Playwright's driver process lives: the cheapest question that it has to answer itself."""
    try:
        async with asyncio.timeout(_DRIVER_TIMEOUT_S):
            context = await playwright.request.new_context()
            await context.dispose()
    except (TimeoutError, PlaywrightError):
        return False
    return True
