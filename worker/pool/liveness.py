"""Whether a browser still lives: its end is an event, its silence has to be asked for.

A lost page may be the first sign of an end: a browser that ends closes its pages first.
"""

import asyncio
from enum import StrEnum
from typing import Final

from fleet.telemetry.logs import get_logger
from worker.browser.browser import Browser
from worker.browser.devtools import DevToolsError
from worker.settings import BrowserSettings

_SILENCES: Final = 2
# Between the first silence and the second question: a machine that was busy for a moment gets its chance.
_PAUSE_S: Final = 0.5

log = get_logger(__name__)


class End(StrEnum):
    """Why a browser is no more."""

    CRASH = "crash"
    HANG = "hang"


class LostPageCheck:
    """Asks a browser that has lost a page whether it still works, before it gives another one.

    Otherwise a job that has just lost its page could begin again in a browser that is ending, and lose that
    page too: the second crash of the three that quarantine it.
    """

    def __init__(self, browser: Browser) -> None:
        """Ask nothing yet."""
        self._browser = browser
        self._known = 0  # lost pages after which the browser has proved that it works
        self._asking = asyncio.Lock()

    async def run(self) -> None:
        """Return when the browser has proved that it works: at once if it has lost no page since it last did.

        Raises:
            ConnectionLostError: it has ended.
            ProtocolError: it refuses.
        """
        async with self._asking:
            while (lost := self._browser.lost_pages) > self._known:
                await self._browser.prove_working()
                self._known = lost


async def watch(browser: Browser, settings: BrowserSettings) -> End:
    """Return when the browser has ended by itself, or was killed because it did not answer twice.

    With the default settings a stopped browser is dead after at most 5 + 2 + 0.5 + 2 seconds. A page in an
    endless loop does not matter here: the question goes to the browser's own process.
    """
    lost = asyncio.create_task(browser.wait_lost(), name="browser lost")
    silences = 0
    try:
        while True:
            pause = _PAUSE_S if silences else settings.browser_ping_interval_s
            await asyncio.wait((lost,), timeout=pause)
            if lost.done():
                return End.CRASH
            silences = 0 if await _answers(browser, settings.browser_ping_timeout_s) else silences + 1
            if silences >= _SILENCES:
                log.error("the browser does not answer, killing it", generation=browser.numbers.generation)
                browser.kill()
                return End.HANG
    finally:
        lost.cancel()


async def _answers(browser: Browser, timeout_s: float) -> bool:
    try:
        async with asyncio.timeout(timeout_s):
            await browser.ping()
    except TimeoutError:
        return False
    except DevToolsError:
        return True  # it ended; `wait_lost` says so
    return True
