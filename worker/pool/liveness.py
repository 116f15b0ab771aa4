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
# The browser process encodes pictures on the thread that answers: 2.5 s of CPU for 40 million pixels. And it
# works on what a flood had sent, with the page that sent it gone.
_PATIENCE_WITH_REASON: Final = 5
_LOOK_INTERVAL_S: Final = 1.0
# Between renders it is enough to be asked when the next one begins (`SharedParts.has_ended`).
_IDLE_LOOK_INTERVAL_S: Final = 3.0

log = get_logger(__name__)


class End(StrEnum):
    """Why a browser is no more; a label of a metric.

    It ended by itself, did not answer, lost a process that all pages need, or rendered no canary.
    """

    CRASH = "crash"
    HANG = "hang"
    PART = "part"
    CANARY = "canary"


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
    """Return when the browser has ended by itself, or was killed because it cannot render any more."""
    ways = [
        asyncio.create_task(_lost(browser), name="browser lost"),
        asyncio.create_task(_silent(browser, settings), name="ping browser"),
        asyncio.create_task(_part_lost(browser), name="watch parts of the browser"),
        asyncio.create_task(_condemned(browser), name="browser condemned"),
    ]
    try:
        done, _ = await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        end = done.pop().result()
        if end is not End.CRASH:
            browser.kill()
        return end
    finally:
        for way in ways:
            way.cancel()


async def _lost(browser: Browser) -> End:
    await browser.wait_lost()
    return End.CRASH


async def _silent(browser: Browser, settings: BrowserSettings) -> End:
    """With the default settings a browser that does not answer is found after 5 + 2 + 0.5 + 2 seconds.

    A page in an endless loop does not matter here: the question goes to the browser's own process.
    """
    silences = 0
    while silences < _SILENCES:
        await asyncio.sleep(_PAUSE_S if silences else settings.browser_ping_interval_s)
        silences = 0 if await _answers(browser, settings.browser_ping_timeout_s) else silences + 1
    log.error("the browser does not answer, killing it", generation=browser.numbers.generation)
    return End.HANG


async def _part_lost(browser: Browser) -> End:
    while (reason := browser.parts.look()) is None:  # noqa: ASYNC110 - the kernel tells nobody
        await asyncio.sleep(_LOOK_INTERVAL_S if browser.numbers.pages_open else _IDLE_LOOK_INTERVAL_S)
    log.error("the browser has lost a part, killing it", generation=browser.numbers.generation, reason=reason)
    return End.PART


async def _condemned(browser: Browser) -> End:
    await browser.condemned.wait()
    log.error("the browser cannot render, killing it", generation=browser.numbers.generation)
    return End.CANARY


async def _answers(browser: Browser, timeout_s: float) -> bool:
    if browser.memory.may_be_silent:
        timeout_s *= _PATIENCE_WITH_REASON
    try:
        async with asyncio.timeout(timeout_s):
            await browser.ping()
    except TimeoutError:
        return False
    except DevToolsError:
        return True  # it ended; `wait_lost` says so
    return True
