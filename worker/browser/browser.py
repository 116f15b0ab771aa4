"""One Chromium. Playwright starts and ends the process; renders control it through a DevTools connection.

The command line and the browser's folder are ours (flags.py and scratch.py in worker/browser/launch), not
Playwright's. The connection goes to Chromium's debugging port, past Playwright (docs/adr/0004 says what that
saves).
"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from playwright.async_api import Browser as PlaywrightBrowser

from fleet.errors import ErrorType, RenderError
from fleet.telemetry.logs import get_logger
from fleet.telemetry.metrics.of_worker import BROWSER_LAUNCHES
from worker.browser.devtools import DevToolsConnection, DevToolsError
from worker.browser.downloads import MANY_DOWNLOADS
from worker.browser.launch.debugging_port import PortTakenError, devtools_path, free_port
from worker.browser.launch.flags import command_line
from worker.browser.launch.launch_advice import log_launch_failure
from worker.browser.launch.playwright_driver import CALL_ERRORS, Driver
from worker.browser.launch.scratch import BrowserFolder
from worker.browser.network_service import NetworkService
from worker.browser.new_page import new_page
from worker.browser.page import Page
from worker.browser.popups import MANY_WINDOWS, StrayPages
from worker.egress.proxy import Egress
from worker.resources.disk import full_error, is_almost_full, means_full, uses_dev_shm
from worker.resources.memory.memory_guard import MemoryGuard
from worker.resources.memory.page_memory import PageGoneError
from worker.resources.process_group import BrowserProcessGroup, kill_browser_with
from worker.resources.shared_parts import SharedParts
from worker.settings import BrowserSettings

_PORT_ATTEMPTS: Final = 3
_CLOSE_TIMEOUT_S: Final = 3.0
# How much later than Chromium's start may be the driver's word that it took too long.
_DRIVER_MARGIN_S: Final = 5.0
# An answer takes 1 ms, or 0.3 s where CPU is short.
_ASK_INTERVAL_S: Final = 0.25
_ANSWER_TIMEOUT_S: Final = 1.0

log = get_logger(__name__)


@dataclass(slots=True)
class BrowserNumbers:
    """Facts about one generation.

    Attributes:
        generation: counts the browsers of this worker, from 1.
        launched_at: seconds since the epoch.
        renders: how many renders have had a page of it.
        pages_open: pages that are rendering now; warm ones are not counted.
    """

    generation: int
    launched_at: float
    renders: int = 0
    pages_open: int = 0


class Browser:
    """One generation of a worker's browser.

    Attributes:
        pid: the id of its first process.
        numbers: facts about it.
        memory: measures and limits the memory of its pages.
        parts: its processes that all pages share.
        condemned: set when renders have shown that it cannot render any more; then it is killed.
    """

    def __init__(
        self,
        playwright_browser: PlaywrightBrowser,
        connection: DevToolsConnection,
        settings: BrowserSettings,
        folder: BrowserFolder,
        egress: Egress,
        *,
        strays: StrayPages,
        pid: int,
        group: BrowserProcessGroup,
        generation: int,
    ) -> None:
        self.pid = pid
        self._group = group
        self._strays = strays
        self.memory = MemoryGuard(pid, settings)
        self._network = NetworkService(pid)
        self.parts = SharedParts(pid, self.memory.back_pressure.stopped_processes)
        self.condemned = asyncio.Event()
        self.numbers = BrowserNumbers(generation=generation, launched_at=time.time())
        self._playwright_browser = playwright_browser
        self._connection = connection
        self._folder = folder
        self._egress = egress
        self._watch = asyncio.create_task(self.memory.watch(), name="watch memory")
        self._watch.add_done_callback(self._watch_ended)
        self._asking = asyncio.create_task(self._watch_answers(), name="watch answers")

    @classmethod
    async def launch(
        cls, driver: Driver, settings: BrowserSettings, generation: int, folder: Path, egress: Egress
    ) -> "Browser":
        """Start Chromium and connect to it.

        Args:
            driver: started with TMPDIR pointing to `folder`, where it makes folders of its own.
            settings: what to start and how.
            generation: the number of this browser.
            folder: the worker's own.
            egress: the only way of its pages to the network.

        Raises:
            RenderError: `browser_unavailable`, or `storage_unavailable`: the disk is full. The log says more.
        """
        try:
            browser = await cls._launch_on_a_free_port(driver, settings, generation, folder, egress)
        except (OSError, RenderError) as error:
            if means_full(error) or is_almost_full(folder):
                raise full_error(folder) from error
            raise
        BROWSER_LAUNCHES.inc()
        return browser

    @classmethod
    async def _launch_on_a_free_port(
        cls, driver: Driver, settings: BrowserSettings, generation: int, folder: Path, egress: Egress
    ) -> "Browser":
        for attempt in range(1, _PORT_ATTEMPTS + 1):
            own = BrowserFolder(folder, generation)
            try:
                return await cls._launch(driver, settings, generation, own, egress=egress, port=free_port())
            except PortTakenError:
                if is_almost_full(folder):  # Chromium could not write the file that contains the port
                    break
                log.warning("the debugging port was taken, choosing another", attempt=attempt)
            except (TimeoutError, *CALL_ERRORS) as error:
                log_launch_failure(str(error) or "Playwright's driver does not answer")
                raise _unavailable("the browser did not start") from error
            except DevToolsError as error:
                # Perhaps another program has got this port, too.
                log.warning("Chromium started but does not answer", attempt=attempt, reason=str(error))
        raise _unavailable("the browser did not answer after its start")

    @classmethod
    async def _launch(
        cls,
        driver: Driver,
        settings: BrowserSettings,
        generation: int,
        own: BrowserFolder,
        *,
        egress: Egress,
        port: int,
    ) -> "Browser":
        line = command_line(
            settings.chromium_executable,
            profile=own.profile,
            port=port,
            sandbox=settings.chromium_sandbox,
            dev_shm=uses_dev_shm(),
            proxy_port=egress.refusing_port,
        )
        try:
            # Playwright's own limit is kept by the driver, which may hang, or be stopped.
            async with (
                driver.killed_if_stopped(),
                asyncio.timeout(settings.browser_launch_timeout_s + _DRIVER_MARGIN_S),
            ):
                playwright_browser = await driver.playwright.chromium.launch(
                    executable_path=settings.chromium_executable,
                    ignore_default_args=True,
                    args=line,
                    env={**own.environment},
                    timeout=settings.browser_launch_timeout_s * 1000,
                    # The worker decides what a signal means: renders may finish first.
                    handle_sigint=False,
                    handle_sigterm=False,
                    handle_sighup=False,
                )
        except BaseException:
            await asyncio.to_thread(_clear, own)
            raise
        try:
            path = await devtools_path(own.profile, port)
            connection = await DevToolsConnection.open(f"ws://127.0.0.1:{port}{path}")
            processes = (await connection.browser.send("SystemInfo.getProcessInfo"))["processInfo"]
            pid = next(process["id"] for process in processes if process["type"] == "browser")
            group = BrowserProcessGroup(pid)
            strays = StrayPages(connection.browser)
            await strays.watch()
        except BaseException:
            await _close_quietly(playwright_browser)
            await asyncio.to_thread(_clear, own)
            raise
        log.info("browser launched", generation=generation, pid=pid, version=playwright_browser.version)
        return cls(
            playwright_browser,
            connection,
            settings,
            own,
            egress,
            strays=strays,
            pid=pid,
            group=group,
            generation=generation,
        )

    @property
    def is_alive(self) -> bool:
        """Whether it is connected. A browser that hangs counts as alive; `ping` finds out."""
        return self._connection.browser.is_alive

    @property
    def lost_pages(self) -> int:
        """How many of its pages have ended although the worker did not close them."""
        return self._connection.lost_pages

    async def new_page(self) -> Page:
        """A page in a new context, with its own port of the egress proxy.

        Raises:
            DevToolsError: the browser ended, or refuses, or this machine has no port for the page.
        """
        try:
            port = await self._egress.open_port()
        except OSError as error:
            raise DevToolsError("no port of the egress proxy can be opened") from error
        network_pid = self._network.pid()
        try:
            async with self.memory.creating() as new_renderer:
                page = await new_page(
                    self._connection, new_renderer.memory, port, generation=self.numbers.generation
                )
                page.network_pid = network_pid
                end = partial(self.memory.end_misuse, new_renderer.memory, MANY_WINDOWS)
                self._strays.on_too_many(page.context_id, end)
                page.downloads.on_too_many(
                    partial(self.memory.end_misuse, new_renderer.memory, MANY_DOWNLOADS)
                )
                new_renderer.memory.marked = partial(_marked, page)
                if not new_renderer.find():
                    async with page.marked():
                        await new_renderer.find_by_mark()
        except BaseException:
            await port.close()
            raise
        return page

    async def ping(self) -> None:
        """Ask the browser process for an answer. Playwright's `is_connected()` is only a stored value.

        Raises:
            ConnectionLostError: it has ended.
        """
        await self._connection.browser.send("Browser.getVersion")

    async def prove_working(self) -> None:
        """See `DevToolsConnection.prove_working`."""
        await self._connection.prove_working()

    async def wait_lost(self) -> None:
        """Return when the browser has ended, for whatever reason."""
        await self._connection.wait_lost()

    async def close(self) -> None:
        """End it and all of its processes, and remove its folder. Never raises.

        A browser process that does not answer is killed. After every close, so are processes that it has left
        behind, such as one that was stopped by SIGSTOP.
        """
        self._watch.cancel()
        self._asking.cancel()
        await _close_quietly(self._playwright_browser)
        await self._group.end()
        await self._connection.close()
        await asyncio.to_thread(self._folder.remove)

    async def _watch_answers(self) -> None:
        """While pages render, end the one that keeps the browser process from answering."""
        while self.is_alive:
            await self.memory.until_rendering()
            await asyncio.sleep(_ASK_INTERVAL_S)
            try:
                async with asyncio.timeout(_ANSWER_TIMEOUT_S):
                    await self.ping()
            except TimeoutError:
                self.memory.end_busiest()
            except DevToolsError:
                return  # it has ended

    def _watch_ended(self, watch: asyncio.Task[None]) -> None:
        # Pages whose memory nobody watches are not to go on.
        if not watch.cancelled() and (error := watch.exception()) is not None:
            log.critical("nobody watches the memory any more, ending the browser", exc_info=error)
            self.kill()

    def kill(self) -> None:
        """Send SIGKILL to all of its processes."""
        self._group.kill()


async def _close_quietly(browser: PlaywrightBrowser) -> None:
    try:
        async with asyncio.timeout(_CLOSE_TIMEOUT_S):
            await browser.close()
    except TimeoutError:
        log.debug("the browser does not close by itself")
    except CALL_ERRORS as error:
        log.debug("browser already gone", reason=str(error))


def _clear(folder: BrowserFolder) -> None:
    """Kill the processes of a browser whose start has failed, and remove its folder. It blocks a little."""
    kill_browser_with(folder.profile)
    folder.remove()


def _unavailable(detail: str) -> RenderError:
    return RenderError(ErrorType.BROWSER_UNAVAILABLE, detail)


@asynccontextmanager
async def _marked(page: Page) -> AsyncIterator[None]:
    try:
        async with page.marked():
            yield
    except DevToolsError as error:
        raise PageGoneError from error
