"""A browser for one page: a job that has crashed before renders in it, so that a second crash hurts nobody.

It costs about a second and 65 MiB, lives for this one page, and takes one of the worker's slots as any render
does. At most half of the slots may have one at a time. A job that gets none in time is put back.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from fleet.errors import ErrorType, RenderError
from fleet.telemetry.logs import get_logger
from fleet.telemetry.metrics.of_worker import OWN_BROWSERS
from worker.browser.devtools import DevToolsError
from worker.browser.page import Page
from worker.pool.detached_tasks import Detached
from worker.pool.generation import Generation
from worker.pool.liveness import End, watch
from worker.pool.slots import Slots
from worker.pool.succession import NoPageError
from worker.settings import BrowserSettings

# Then the job is put back, and its slot goes to the next one: those that have the browsers may take long.
PLACE_PATIENCE_S: Final = 10.0
# After a failed start, before the job is put back: the same worker may take it again at once.
_FAILED_PAUSE_S: Final = 2.0

log = get_logger(__name__)


@dataclass(eq=False, slots=True)
class _OwnBrowser:
    """One browser for one page, and the task that kills it when it does not work."""

    generation: Generation
    watching: asyncio.Task[End]


class OwnBrowsers:
    """The browsers of a worker that have one page each."""

    def __init__(
        self, launch: Callable[[], Awaitable[Generation]], slots: Slots, settings: BrowserSettings
    ) -> None:
        """None is open.

        Args:
            launch: starts one.
            slots: of the worker.
            settings: of its browsers.
        """
        self._launch = launch
        self._slots = slots
        self._settings = settings
        self._places = asyncio.Semaphore(max(1, slots.count // 2))
        self._open: set[_OwnBrowser] = set()
        self._endings = Detached()

    async def stop(self) -> None:
        """End all of them; their renders lose their pages."""
        while self._open:
            own = self._open.pop()
            await _end(own)
        await self._endings.wait()

    @asynccontextmanager
    async def page(self, *, patience_s: float = PLACE_PATIENCE_S) -> AsyncIterator[Page]:
        """A slot, a browser and its only page; the browser is ended whatever happens.

        Ending goes on by itself: the render's result does not wait for it, the slot does.

        Args:
            patience_s: seconds to wait while half of the slots have own browsers.

        Raises:
            NoPageError: no browser can be had now, and the job is not to blame.
            RenderError: `browser_unavailable`: the browser ended or lost a part during the render.
        """
        clock = asyncio.get_running_loop().time
        asked_at = clock()
        await self._slots.take()
        has_place, own, page = False, None, None
        try:
            has_place = await self._take_place(patience_s)
            own = await self._launched()
            page = await self._first_page(own.generation)
            page.waited_s = clock() - asked_at
            try:
                yield page
            except RenderError as error:
                if error.type is not ErrorType.BROWSER_UNAVAILABLE:
                    own.generation.require_all_parts(page)
                raise
            own.generation.require_all_parts(page)
            await own.generation.settle(page)
        finally:
            self._endings.run(self._give_back(own, page, has_place=has_place))

    async def _take_place(self, patience_s: float) -> bool:
        """Wait until fewer than half of the slots have an own browser."""
        try:
            async with asyncio.timeout(patience_s):
                return await self._places.acquire()
        except TimeoutError as error:
            raise NoPageError(
                ErrorType.BROWSER_UNAVAILABLE, "too many jobs need their own browser"
            ) from error

    async def _launched(self) -> _OwnBrowser:
        # Playwright cannot be told to stop launching: if this is cancelled, the launch goes on, and then the
        # browser is ended.
        launch = asyncio.ensure_future(self._launch())
        try:
            generation = await asyncio.shield(launch)
        except asyncio.CancelledError:
            self._endings.run(_end_when_launched(launch))
            raise
        except RenderError as error:
            OWN_BROWSERS.labels("not_started").inc()
            log.warning("no browser of its own for a job that has crashed", detail=error.detail)
            await asyncio.sleep(_FAILED_PAUSE_S)
            raise NoPageError(
                ErrorType.BROWSER_UNAVAILABLE, "no browser of its own can be started"
            ) from error
        own = _OwnBrowser(generation, asyncio.create_task(watch(generation.browser, self._settings)))
        self._open.add(own)
        return own

    async def _first_page(self, generation: Generation) -> Page:
        page, reason = None, "it ended"
        try:
            page = await generation.take()
        except (DevToolsError, TimeoutError) as error:
            reason = repr(error)
        if page is None:
            log.warning("a job's own browser gave no page", reason=reason)
            raise NoPageError(ErrorType.BROWSER_UNAVAILABLE, "the job's own browser gave no page")
        return page

    async def _give_back(self, own: _OwnBrowser | None, page: Page | None, *, has_place: bool) -> None:
        if own is not None:
            if page is not None:
                await own.generation.give_back(page)
            if own in self._open:  # or else `stop` ends it
                self._open.discard(own)
                await _end(own)
        if has_place:
            self._places.release()
        self._slots.give_back()


async def _end(own: _OwnBrowser) -> None:
    """End one browser, and count how it has ended."""
    if own.watching.done() and not own.watching.cancelled():
        OWN_BROWSERS.labels("crashed").inc()
        log.warning("a job's own browser ended", reason=own.watching.result())
    else:
        OWN_BROWSERS.labels("closed").inc()
    own.watching.cancel()
    await own.generation.end()


async def _end_when_launched(launch: "asyncio.Future[Generation]") -> None:
    with contextlib.suppress(RenderError):
        await (await launch).end()
