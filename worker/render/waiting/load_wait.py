"""Waits until a page has loaded as far as it is to, and notices when it never will."""

import asyncio
from enum import Enum, auto
from typing import Final

from fleet.errors import RenderError
from worker.browser.devtools import ProtocolError
from worker.browser.document.loading import COMMIT
from worker.browser.document.open_requests import FONT
from worker.browser.page import Page
from worker.render.reports import egress_report
from worker.render.reports.net_errors import error_type
from worker.render.reports.unfinished import is_unread, lacks_nothing, lacks_only_fonts

# A font that has not come by then is drawn in its fallback; Chromium itself swaps after three seconds.
FONTS_TIMEOUT_S: Final = 3.0
# How long nothing may happen before the page itself is asked how far it is. Chromium tells most ends of
# loading at once; of window.stop() in a document that was written, not fetched, it says nothing.
_ASK_AFTER_S: Final = 0.5
# What Chromium itself, Playwright and Puppeteer call idle.
_QUIET_S: Final = 0.5


class LoadEnd(Enum):
    """How the loading of a page has ended."""

    REACHED = auto()
    """It is as far as was asked."""
    STOPPED = auto()
    """It will never be as far: a script has stopped it, or led to what is no page."""
    WITHOUT_FONTS = auto()
    """Only fonts are missing, and they have had their time."""
    REPLACED = auto()
    """Another document comes in its place."""


async def wait_loaded(page: Page, stage: str, *, fonts_s: float = FONTS_TIMEOUT_S) -> LoadEnd:
    """Wait until the page has reached a stage, or has ended its loading before.

    Args:
        page: that loads.
        stage: of its document, as `Lifecycle.reached` has them.
        fonts_s: for which fonts are waited for if nothing else is missing.

    Raises:
        RenderError: the transfer of the document broke off.
        DevToolsError: the page or its browser ended.
    """
    return await _LoadWait(page, stage, fonts_s).run()


async def wait_quiet(page: Page) -> LoadEnd:
    """Wait until no request has been open for half a second, or another document comes.

    Raises:
        DevToolsError: the page or its browser ended.
    """
    clock, loader = asyncio.get_running_loop().time, page.lifecycle.loader
    began_at, end = clock(), LoadEnd.REACHED
    while not is_replaced(page, loader):
        now = clock()
        requests = [request for request in page.requests.now_open() if not is_unread(page, request)]
        late = [r for r in requests if r.kind == FONT and now - r.began_at >= FONTS_TIMEOUT_S]
        end = LoadEnd.WITHOUT_FONTS if late else LoadEnd.REACHED
        quiet_s = now - max(began_at, page.requests.changed_at)
        if len(late) == len(requests) and quiet_s >= _QUIET_S:
            break
        await page.requests.wait_change(max(_QUIET_S - quiet_s, _QUIET_S / 5))
    return end


def is_replaced(page: Page, loader: str) -> bool:
    """Whether a document, named by its loader, has given way to another one or is about to."""
    return page.lifecycle.loader != loader or page.lifecycle.is_moving_on


class _LoadWait:
    """One wait for a page: it reaches the stage, or something shows that it never will."""

    def __init__(self, page: Page, stage: str, fonts_s: float) -> None:
        self._page = page
        self._stage = stage
        self._fonts_s = fonts_s
        # Of the document with this loader:
        self._loader = ""
        self._fonts_seen_at: float | None = None
        self._has_stopped = False
        self._lacked_nothing = False

    async def run(self) -> LoadEnd:
        """See `wait_loaded`."""
        lifecycle = self._page.lifecycle
        while not lifecycle.has_reached(self._stage):
            try:
                async with asyncio.timeout(_ASK_AFTER_S) as patience:
                    await lifecycle.reach(self._stage)
            except TimeoutError:
                if not patience.expired():
                    raise
            if not lifecycle.has_reached(self._stage) and (end := await self._early_end()):
                return end
        self._require_whole_body()
        return LoadEnd.REACHED

    async def _early_end(self) -> LoadEnd | None:
        """How the current document has ended its loading before the stage; None: it goes on.

        Raises:
            RenderError: its transfer broke off.
        """
        lifecycle = self._page.lifecycle
        loader = lifecycle.loader
        if COMMIT not in lifecycle.reached or is_replaced(self._page, loader):
            return None  # whom one could ask is not the document that counts
        self._require_whole_body()
        if self._loader != loader:
            self._loader, self._fonts_seen_at = loader, None
            self._has_stopped = self._lacked_nothing = False
        if lifecycle.has_stopped:
            lifecycle.has_stopped, self._has_stopped = False, True
        try:
            end = await self._ask()
        except ProtocolError:
            return None  # the document was replaced while it was asked
        return None if lifecycle.has_reached(self._stage) or is_replaced(self._page, loader) else end

    async def _ask(self) -> LoadEnd | None:
        state, waits_for_fonts = await self._page.loading_state()
        if self._page.lifecycle.is_written:  # its state is `complete` from the start
            has_ended = await self._has_written_ended()
        else:
            if self._has_stopped and state == "loading":
                await self._require_whole_transfer()
            # `interactive`: the document around a video.
            has_ended = self._has_stopped and state != "interactive"
        if has_ended:
            return LoadEnd.STOPPED
        return LoadEnd.WITHOUT_FONTS if await self._has_waited_for_fonts(now=waits_for_fonts) else None

    async def _has_written_ended(self) -> bool:
        """Whether the load event of a written document will never come, and what can come has come.

        A script that leads to no page is told of by Chromium, window.stop() is not: of that one learns only
        where nothing can be under way, twice in a row. Once may be just before the load event.
        """
        before, self._lacked_nothing = self._lacked_nothing, await lacks_nothing(self._page)
        if self._has_stopped:
            return self._lacked_nothing
        return before and self._lacked_nothing and not self._page.port.has_tunnels()

    def _require_whole_body(self) -> None:
        if cut_short := egress_report.cut_short(self._page):
            raise cut_short

    async def _require_whole_transfer(self) -> None:
        if net_error := await self._page.log.net_error(self._page.lifecycle.loader):
            ours = egress_report.cut(self._page.port.record)
            detail = f"the transfer of the page broke off: {net_error}"
            raise ours or RenderError(error_type(net_error), detail)

    async def _has_waited_for_fonts(self, *, now: bool) -> bool:
        """Whether nothing but fonts is missing, and they have had their time, so that text shows without.

        Args:
            now: whether the main document waits for some.
        """
        clock, parsed_at = asyncio.get_running_loop().time(), self._page.lifecycle.parsed_at
        if now and self._fonts_seen_at is None:
            self._fonts_seen_at = clock
        since = self._fonts_seen_at or parsed_at
        if parsed_at is None or since is None or clock - since < self._fonts_s:
            return False
        is_silent = clock - self._page.port.passed_at >= _QUIET_S
        return is_silent and await lacks_only_fonts(self._page)
