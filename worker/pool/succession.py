"""The browsers of a worker, one after the other: launched, watched, replaced when due or after a crash."""

import asyncio
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from fleet.errors import ErrorType, RenderError
from fleet.telemetry.logs import get_logger
from fleet.telemetry.metrics.of_worker import BROWSER_GENERATION, BROWSER_LAUNCHED_TIMESTAMP_SECONDS
from fleet.workers.vitals import Sandbox
from worker.browser.launch.playwright_driver import Driver
from worker.egress.proxy import Egress
from worker.pool.detached_tasks import Detached
from worker.pool.generation import OWN_BROWSER, Generation
from worker.pool.liveness import End, watch
from worker.pool.recycle import Reason
from worker.pool.replacement_stats import Tally
from worker.pool.slots import Slots
from worker.settings import BrowserSettings

_LAUNCH_ATTEMPTS: Final = 4
# After the first launch that failed; doubled after each further one.
_FIRST_PAUSE_S: Final = 0.25
# A planned replacement that failed is tried again later: the old browser still serves.
_RECYCLE_PAUSE_S: Final = 60.0

log = get_logger(__name__)


class NoPageError(RenderError):
    """The browser gave no page. The job is not the cause: it is put back, and no failure is counted."""


class BrokenPoolError(NoPageError):
    """No browser can be launched any more. Another worker has to run the job."""


class Succession:
    """The generations of one worker. One task launches and replaces them; renders ask for the current one.

    Attributes:
        failed: gets the reason when no browser can be launched any more.
        current: the generation that gives out pages; None while there is none.
        launched: how many generations there were, with the current one.
        sandbox: whether pages of the last browser are in Chromium's sandbox; None before the first browser.
        tally: counts crashes and replacements, and what replacements cost.
    """

    def __init__(self, settings: BrowserSettings, folder: Path, egress: Egress, slots: Slots) -> None:
        """Nothing is launched yet; the arguments are the pool's."""
        self.failed: asyncio.Future[RenderError] = asyncio.get_running_loop().create_future()
        self.current: Generation | None = None
        self.launched = 0
        self.sandbox: Sandbox | None = None
        self.tally = Tally()
        self._settings = settings
        self._folder = folder
        self._egress = egress
        self._slots = slots
        self._driver: Driver | None = None
        self._changed = asyncio.Event()
        self._is_cramped = False
        self._supervisor: asyncio.Task[None] | None = None
        self._endings = Detached()

    async def start(self) -> None:
        """Start Playwright and the first generation, warm pages included.

        Raises:
            RenderError: `browser_unavailable`: no browser can be launched; the log says why.
        """
        self._driver = await Driver.start()
        try:
            self._serve(await self._launch(self._driver))
        except BaseException:
            await self.stop()
            raise
        self._supervisor = asyncio.create_task(self._supervise(self._driver), name="browser supervisor")

    async def stop(self) -> None:
        """End every browser and Playwright; renders lose their pages. May be called twice."""
        if self._supervisor is not None:
            self._supervisor.cancel()
            await asyncio.wait((self._supervisor,))
        current, self.current = self.current, None
        if current is not None:
            await current.end()
        self._endings.cancel()  # browsers whose renders were still awaited end at once
        await self._endings.wait()
        driver, self._driver = self._driver, None
        self._announce_change()
        if driver is not None:
            await driver.stop()

    async def launch_extra(self) -> Generation:
        """A browser beside the current one, for one page. Whoever asks for it watches it and ends it.

        Raises:
            RenderError: `browser_unavailable`: it cannot be launched, or the worker is stopping.
                `storage_unavailable`: the disk is full.
        """
        if self._driver is None:
            raise _unavailable("the worker is stopping")
        return await Generation.launch(self._driver, self._settings, OWN_BROWSER, self._folder, self._egress)

    async def usable(self) -> Generation:
        """The current generation, or the next one when there is none.

        Raises:
            BrokenPoolError: there is none, and none can be launched.
            RenderError: `browser_unavailable`: the worker is stopping.
        """
        while self.current is None or not self.current.is_alive:
            if self.failed.done():
                raise BrokenPoolError(ErrorType.BROWSER_UNAVAILABLE, self.failed.result().detail)
            if self._driver is None:
                raise _unavailable("the worker is stopping")
            await self._changed.wait()
        return self.current

    async def wait_browser(self, *, present: bool) -> None:
        """Return when there is a browser, or when there is none: after a crash, until the next one."""
        while (self.current is not None) is not present:
            await self._changed.wait()

    def wear_out(self) -> None:
        """Ask for another browser in place of the current one, because memory is short.

        If nothing renders, the old browser is ended first. Two browsers at once need 60 MB more, and where
        memory was short, the kernel killed a process.
        """
        if self.current is not None:
            self._is_cramped = True
            self.current.browser.memory.outgrown.set()

    def condemn(self, generation: int) -> None:
        """Replace this browser at once: renders have shown that it cannot render."""
        if self.current is not None and self.current.numbers.generation == generation:
            self.current.browser.condemned.set()

    async def _supervise(self, driver: Driver) -> None:
        """Replace generations until none can be launched any more."""
        try:
            while True:
                await self._next_generation(driver)
        except RenderError as error:
            self._fail(error)
        except Exception:
            log.exception("unknown error in the browser supervisor")
            self._fail(_unavailable("the browser supervisor ended"))

    async def _next_generation(self, driver: Driver) -> None:
        """Wait until the current browser ends or is due, and put another in its place."""
        generation = self.current
        if generation is None:
            raise _unavailable("the worker is stopping")
        ended = asyncio.create_task(watch(generation.browser, self._settings), name="watch browser")
        due = asyncio.create_task(generation.timer.due(), name="recycle timer")
        try:
            await asyncio.wait((ended, due), return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                self.current = None
                self._announce_change()
                self.tally.count_crash(ended.result())
                log.error(
                    "the browser ended", generation=generation.numbers.generation, reason=ended.result()
                )
                self._endings.run(generation.end())
                self._serve(await self._relaunch(driver))
            elif self._is_cramped and not self._slots.busy:
                await self._renew_idle(driver, generation, due.result())
            else:
                await self._recycle(driver, generation, due.result(), ended)
        finally:
            ended.cancel()
            due.cancel()

    async def _recycle(
        self, driver: Driver, old: Generation, reason: Reason, ended: asyncio.Task[End]
    ) -> None:
        """Launch the next generation with its warm pages, then make it the current one."""
        with ExitStack() as replacement:
            try:
                await self._slots.leave_one_empty(ended)
                replacement.enter_context(self.tally.replacement())
                self._serve(await self._launch(driver))
            except RenderError as error:
                log.warning("cannot replace the browser, keeping it", reason=reason, detail=error.detail)
            else:
                self.tally.count_recycle(reason)
                log.info("browser replaced", generation=old.numbers.generation, reason=reason)
                self._endings.run(self._retire(old, replacement.pop_all()))
                return
            finally:
                self._slots.fill_all()
        await asyncio.wait((ended,), timeout=_RECYCLE_PAUSE_S)

    async def _renew_idle(self, driver: Driver, old: Generation, reason: Reason) -> None:
        """End a browser in which nothing renders, then launch the next one."""
        self.current = None
        self._announce_change()
        with self.tally.replacement():
            await old.end()
            self._serve(await self._relaunch(driver))
        self.tally.count_recycle(reason)
        log.info("browser replaced", generation=old.numbers.generation, reason=reason)

    async def _retire(self, old: Generation, replacement: ExitStack) -> None:
        # Its last renders need a browser that works, too.
        watching = asyncio.create_task(watch(old.browser, self._settings), name="watch replaced browser")
        try:
            with replacement:
                await old.retire(self._settings.browser_drain_s)
        finally:
            watching.cancel()

    async def _relaunch(self, driver: Driver) -> Generation:
        for attempt in range(_LAUNCH_ATTEMPTS):
            try:
                return await self._launch(driver)
            except RenderError as error:
                if not await driver.answers():
                    raise _unavailable("Playwright's driver process has ended") from error
                log.warning("relaunch failed", attempt=attempt + 1, detail=error.detail)
                await asyncio.sleep(_FIRST_PAUSE_S * 2**attempt)
        raise _unavailable(f"Chromium could not be launched {_LAUNCH_ATTEMPTS} times in a row")

    async def _launch(self, driver: Driver) -> Generation:
        generation = await Generation.launch(
            driver, self._settings, self.launched + 1, self._folder, self._egress
        )
        self.launched += 1
        return generation

    def _serve(self, generation: Generation) -> None:
        self.current, self._is_cramped = generation, False
        self.sandbox = generation.sandbox
        BROWSER_GENERATION.set(generation.numbers.generation)
        BROWSER_LAUNCHED_TIMESTAMP_SECONDS.set(generation.numbers.launched_at)
        self._announce_change()

    def _fail(self, error: RenderError) -> None:
        log.critical("no browser can be launched any more", reason=error.detail)
        self.current = None
        self.failed.set_result(error)
        self._announce_change()

    def _announce_change(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


def _unavailable(detail: str) -> RenderError:
    return RenderError(ErrorType.BROWSER_UNAVAILABLE, detail)
