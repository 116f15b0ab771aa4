"""Pages for renders. They come from the current browser; there are at most as many at once as slots."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from fleet.errors import ErrorType, RenderError
from fleet.telemetry.logs import get_logger
from fleet.workers.vitals import Sandbox
from worker.browser.browser import BrowserNumbers
from worker.browser.devtools import DevToolsError
from worker.browser.page import Page
from worker.egress.proxy import Egress
from worker.pool.detached_tasks import Detached
from worker.pool.generation import Generation
from worker.pool.own_browser import PLACE_PATIENCE_S, OwnBrowsers
from worker.pool.replacement_stats import Tally
from worker.pool.slots import Slots
from worker.pool.succession import NoPageError, Succession
from worker.resources.job_intake import JobIntake
from worker.settings import BrowserSettings

# The reason for taking no jobs, as it is shown to operators.
_NO_BROWSER: Final = "there is no browser"
# In this time the pool can notice that a browser does not work, and launch the next one.
_PATIENCE_S: Final = 45.0
_REFUSED_PAUSE_S: Final = 0.5
# After one of these the browser is checked by a canary.
_MAY_BE_BROWSERS_FAULT: Final = frozenset(
    (ErrorType.BROWSER_UNAVAILABLE, ErrorType.PAGE_CRASHED, ErrorType.INTERNAL_ERROR)
)

log = get_logger(__name__)


class Pool:
    """A worker's slots. `start`, then `async with pool.page()` for each render, then `stop`.

    Attributes:
        rendered_at: when a render last succeeded, by the loop's clock; None: none has succeeded.
        busy_since: since when some render is in the current browser, by the loop's clock; None: none is.
        is_suspect: set when a render has failed in a way that may be the browser's fault. The canary clears
            it, and then checks the browser.
    """

    def __init__(
        self,
        settings: BrowserSettings,
        folder: Path,
        egress: Egress,
        *,
        offer: Callable[[int], None] = lambda _: None,
    ) -> None:
        """Prepare a pool.

        Args:
            settings: how many pages, how long a browser lives, which Chromium.
            folder: this worker's own (`worker/browser/launch/scratch.py`); TMPDIR points there.
            egress: the only way of its pages to the network. Start it before the pool, and stop it after.
            offer: called with the number of usable slots: one less while a browser is being replaced.
        """
        self.rendered_at: float | None = None
        self.busy_since: float | None = None
        self.is_suspect = asyncio.Event()
        self._sharing = 0  # renders in the current browser
        self._slots = Slots(settings.browser_max_pages, offer)
        self._browsers = Succession(settings, folder, egress, self._slots)
        self._own_browsers = OwnBrowsers(self._browsers.launch_extra, self._slots, settings)
        self._closings = Detached()

    @property
    def failed(self) -> asyncio.Future[RenderError]:
        """Gets the reason when no browser can be had any more: the worker should hand back its jobs."""
        return self._browsers.failed

    @property
    def busy(self) -> int:
        """Slots that are taken."""
        return self._slots.busy

    @property
    def has_free_slot(self) -> bool:
        """Whether a render would begin at once."""
        return self._slots.has_free

    @property
    def generation(self) -> int:
        """How many browsers this worker has launched, counting the current one."""
        return self._browsers.launched

    @property
    def tally(self) -> Tally:
        """What became of its browsers, and what replacing them cost."""
        return self._browsers.tally

    @property
    def sandbox(self) -> Sandbox | None:
        """Whether pages are in Chromium's sandbox, seen at the last browser; None before the first."""
        return self._browsers.sandbox

    @property
    def launched_at(self) -> datetime | None:
        """When the current browser was launched; None while there is none."""
        numbers = self.numbers
        return datetime.fromtimestamp(numbers.launched_at, tz=UTC) if numbers is not None else None

    @property
    def numbers(self) -> BrowserNumbers | None:
        """The current generation's numbers; None while there is no browser."""
        current = self._browsers.current
        return current.numbers if current is not None else None

    def wear_out(self) -> None:
        """Ask for another browser in place of the current one, because memory is short."""
        self._browsers.wear_out()

    def condemn(self, generation: int) -> None:
        """Replace the browser of this number at once: renders have shown that it cannot render."""
        self._browsers.condemn(generation)

    async def start(self) -> None:
        """Start Playwright and the first generation, warm pages included.

        Raises:
            RenderError: `browser_unavailable`: no browser can be launched; the log says why.
        """
        await self._browsers.start()

    async def stop(self) -> None:
        """End every browser and Playwright; renders lose their pages. May be called twice."""
        await self._own_browsers.stop()
        await self._browsers.stop()
        await self._closings.wait()

    async def wait_browser(self, *, present: bool) -> None:
        """Return when there is a browser, or when there is none: after a crash, until the next one."""
        await self._browsers.wait_browser(present=present)

    async def hold_jobs_without_browser(self, intake: JobIntake) -> None:
        """Leave jobs to other workers while the next browser starts after a crash. Never returns."""
        while True:
            await self.wait_browser(present=False)
            intake.hold(_NO_BROWSER)
            await self.wait_browser(present=True)
            intake.release(_NO_BROWSER)

    async def raise_failure(self) -> None:
        """Wait until no browser can be had any more.

        Raises:
            RenderError: that has happened. The worker should end, so that the orchestrator makes a new one.
        """
        raise await self.failed

    @asynccontextmanager
    async def page(self) -> AsyncIterator[Page]:
        """A slot and a fresh page for one render; the page's context is closed whatever happens.

        The block does not wait until the page is closed. Its slot is free only after that.

        Raises:
            NoPageError: the browser gives no page, and the job is not the cause.
            RenderError: `browser_unavailable`: the worker is stopping.
        """
        clock = asyncio.get_running_loop().time
        asked_at = clock()
        with self.tally.visit() as visit:
            await self._slots.take()
            self._sharing += 1
            self.busy_since = self.busy_since or clock()
            generation = page = None
            try:
                async with asyncio.timeout(_PATIENCE_S) as patience:
                    generation, page = await self._take()
                page.waited_s = visit.waited_s = clock() - asked_at
                yield page
                # A page that lost its way out or its graphics half-way looks finished, too.
                generation.require_all_parts(page)
                self.rendered_at = clock()
                await generation.settle(page)
            except TimeoutError as error:
                if page is not None or not patience.expired():
                    raise
                raise NoPageError(ErrorType.BROWSER_UNAVAILABLE, "the browser gives no page") from error
            except RenderError as error:
                if generation is not None and page is not None:
                    if error.type in _MAY_BE_BROWSERS_FAULT:
                        self.is_suspect.set()
                    if error.type is not ErrorType.BROWSER_UNAVAILABLE:
                        generation.require_all_parts(page)
                raise
            finally:
                self._closings.run(self._give_back(generation, page))

    @asynccontextmanager
    async def page_alone(self, *, patience_s: float = PLACE_PATIENCE_S) -> AsyncIterator[Page]:
        """A slot and a fresh page in a browser of its own, for a job that may crash what it renders in.

        A worker with one slot needs none: nobody else is in its browser.

        Args:
            patience_s: seconds to wait while half of the slots have browsers of their own.

        Raises:
            NoPageError: no browser gives a page, and the job is not to blame.
            RenderError: `browser_unavailable`: the browser ended, or the worker is stopping.
        """
        lone = self.page() if self._slots.count == 1 else self._own_browsers.page(patience_s=patience_s)
        async with lone as page:
            yield page

    async def _take(self) -> tuple[Generation, Page]:
        """A page from whichever browser gives one; asks again, with pauses, when one refuses."""
        while True:
            generation = await self._browsers.usable()
            try:
                page = await generation.take()
            except (DevToolsError, TimeoutError) as error:
                log.warning(
                    "the browser gave no page", generation=generation.numbers.generation, reason=repr(error)
                )
                self.is_suspect.set()
                await asyncio.sleep(_REFUSED_PAUSE_S)
            else:
                if page is not None:
                    generation.make_next(is_calm=self._slots.is_calm)
                    return generation, page

    @asynccontextmanager
    async def spare_page(self) -> AsyncIterator[Page]:
        """A fresh page for a canary. It takes no slot, so no job waits for it, and no metric counts it.

        Raises:
            RenderError: `browser_unavailable`: there is no browser and none can be launched.
            DevToolsError: the browser ended, or refuses.
        """
        generation = await self._browsers.usable()
        page = await generation.spare()
        try:
            yield page
        finally:
            self._closings.run(generation.give_back(page))

    async def _give_back(self, generation: Generation | None, page: Page | None) -> None:
        if generation is not None and page is not None:
            await generation.give_back(page)
        self._slots.give_back()
        self._sharing -= 1
        if not self._sharing:
            self.busy_since = None
