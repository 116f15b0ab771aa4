"""One generation of a worker's browser: Chromium, its warm pages, its recycle timer, and how it ends."""

import asyncio
from pathlib import Path
from typing import Final

from fleet.errors import ErrorType, RenderError
from fleet.telemetry.logs import get_logger
from fleet.workers.vitals import Sandbox
from worker.browser.browser import Browser, BrowserNumbers
from worker.browser.devtools import ConnectionLostError, DevToolsError
from worker.browser.launch import sandbox
from worker.browser.launch.playwright_driver import Driver
from worker.browser.page import Page
from worker.egress.proxy import Egress
from worker.pool.liveness import LostPageCheck
from worker.pool.recycle import RecycleTimer
from worker.pool.warm_pages import WarmPages
from worker.resources.disk import full_error, is_almost_full
from worker.settings import BrowserSettings

# The number of each own browser (one for one page): it is not one of the worker's generations.
OWN_BROWSER: Final = 0
# To make a page takes Chromium as much CPU as to render a small one. So if no other render is expected soon,
# the next page is not made beside this one, which would slow it down. It is made after the answer, or after
# `_LONG_RENDER_S` if the render takes longer: another job may come by then.
_LONG_RENDER_S: Final = 1.0
# Upload, record and answer take 20 ms, and on a slow machine 50.
_ANSWERED_S: Final = 0.1
# What getting a page may take: ten times as long as on a busy machine.
_PAGE_TIMEOUT_S: Final = 10.0

log = get_logger(__name__)


class Generation:
    """A browser that gives out pages until it is replaced.

    Attributes:
        browser: the process.
        timer: tells when the browser is due.
        sandbox: whether its pages are in Chromium's sandbox.
    """

    def __init__(self, browser: Browser, settings: BrowserSettings) -> None:
        self.browser = browser
        self.timer = RecycleTimer(browser, settings)
        is_own_browser = browser.numbers.generation == OWN_BROWSER
        self._warm = WarmPages(
            browser, 1 if is_own_browser else settings.browser_warm_pages, is_refilled=not is_own_browser
        )
        self._lost_page_check = LostPageCheck(browser)
        self._idle = asyncio.Event()
        self.sandbox = Sandbox.UNVERIFIED

    @classmethod
    async def launch(
        cls, driver: Driver, settings: BrowserSettings, number: int, folder: Path, egress: Egress
    ) -> "Generation":
        """Start a browser and make its warm pages.

        Args:
            driver: starts it.
            settings: which Chromium, how many warm pages.
            number: of the browser; OWN_BROWSER: one that is for one page, and makes no others.
            folder: the worker's own.
            egress: the only way out of its pages.

        Raises:
            RenderError: `browser_unavailable`, or `storage_unavailable` when the disk is full; the log says
                what an operator can do.
        """
        browser = await Browser.launch(driver, settings, number, folder, egress)
        generation = cls(browser, settings)
        parts = generation.browser.parts
        try:
            # A GPU process or zygote counts as needed when it was seen twice. So look twice before the first
            # render: one of them may end during it.
            parts.look()
            await generation._warm.fill()
            await generation._look_at_sandbox(settings)
            parts.look()
        except (RenderError, asyncio.CancelledError):
            await generation.end()
            raise
        except DevToolsError as error:
            await generation.end()
            if is_almost_full(folder):
                raise full_error(folder) from error
            raise RenderError(
                ErrorType.BROWSER_UNAVAILABLE, "the browser ended right after its start"
            ) from error
        return generation

    @property
    def is_alive(self) -> bool:
        """Whether the connection to the browser stands."""
        return self.browser.is_alive

    @property
    def numbers(self) -> BrowserNumbers:
        """What is worth knowing of it."""
        return self.browser.numbers

    async def take(self) -> Page | None:
        """A fresh page; None when the browser ends before it can give one. `make_next` belongs behind it.

        Raises:
            ProtocolError: the browser lives and refuses.
            TargetCrashedError: the page ended before it was there.
            TimeoutError: the browser does not answer.
        """
        # Counted before there is a page: a browser that is being replaced meanwhile waits for it.
        self.numbers.pages_open += 1
        page = None
        try:
            async with asyncio.timeout(_PAGE_TIMEOUT_S):
                await self._lost_page_check.run()
                if self.browser.parts.has_ended():
                    await self.browser.wait_lost()  # the supervisor kills it within a second
                page = await self._warm.take()
        except ConnectionLostError:
            log.info("the browser ended before it gave a page", generation=self.numbers.generation)
        finally:
            if page is None:
                self._closed_one()
        if page is not None:
            self.timer.count_render()
            self.browser.memory.begin(page.memory)
        return page

    def make_next(self, *, is_calm: bool) -> None:
        """Have the page for the next render made: now, or later if none is expected soon.

        Args:
            is_calm: whether none is expected soon (`Slots.is_calm`).
        """
        if is_calm:
            self._warm.refill_later(_LONG_RENDER_S)
        else:
            self._warm.refill()

    async def spare(self) -> Page:
        """A fresh page that is not one of the warm ones: those are left to renders.

        Raises:
            DevToolsError: the browser ended, or refuses.
        """
        self.numbers.pages_open += 1
        page = None
        try:
            await self._lost_page_check.run()
            page = await self.browser.new_page()
        finally:
            if page is None:
                self._closed_one()
        self.browser.memory.begin(page.memory)
        return page

    def require_all_parts(self, page: Page) -> None:
        """Do nothing if each process that this page needs is still there.

        Raises:
            RenderError: `browser_unavailable`: one has ended, so whatever the render came to may be wrong,
                its error too.
        """
        if page.has_lost_network or self.browser.parts.has_ended():
            raise RenderError(ErrorType.BROWSER_UNAVAILABLE, "the browser lost a part during the render")

    async def settle(self, page: Page) -> None:
        """Measure the memory of a render that has succeeded, before it is reported."""
        await self.browser.memory.settle(page.memory)

    async def give_back(self, page: Page) -> None:
        """Close a page that was taken, and have the next one made. Never raises."""
        self.browser.memory.end(page.memory)
        self._warm.refill_later(_ANSWERED_S)
        try:
            await page.close()
        finally:
            self._closed_one()

    async def retire(self, drain_s: float) -> None:
        """Let a replaced browser finish its renders, then end it; cancelling ends it at once."""
        self._warm.stop_refilling()
        try:
            async with asyncio.timeout(drain_s):
                while self.numbers.pages_open and self.is_alive:
                    self._idle.clear()
                    await self._idle.wait()
        except TimeoutError:
            log.warning(
                "ending a replaced browser with renders in it",
                generation=self.numbers.generation,
                pages_open=self.numbers.pages_open,
            )
        finally:
            await self.end()

    async def end(self) -> None:
        """End the browser now; pages that are open lose it. Never raises."""
        await self._warm.close()
        await self.browser.close()

    async def _look_at_sandbox(self, settings: BrowserSettings) -> None:
        """Refuse a browser whose pages are not in Chromium's sandbox, unless CHROMIUM_SANDBOX is off.

        Raises:
            DevToolsError: the browser ended, or refuses.
            RenderError: `browser_unavailable`: there is no sandbox.
        """
        if not settings.chromium_sandbox:
            self.sandbox = Sandbox.OFF
            log.warning(
                "CHROMIUM_SANDBOX is off: a page that exploits a bug of Chromium can run code on this "
                "machine",
                generation=self.numbers.generation,
            )
            return
        seen = None if self._warm.has_some else await self.browser.new_page()
        self.sandbox = await sandbox.verify(self.browser.memory.renderers)
        if seen is not None:
            await seen.close()

    def _closed_one(self) -> None:
        self.numbers.pages_open -= 1
        if not self.numbers.pages_open:
            self._idle.set()
