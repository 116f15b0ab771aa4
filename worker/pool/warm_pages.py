"""Pages made ahead of need, so that a render does not wait for its browser context.

Each is used once. They belong to one browser and go with it.
"""

import asyncio
from collections import deque
from typing import Any

from fleet.telemetry.logs import get_logger
from worker.browser.browser import Browser
from worker.browser.devtools import ConnectionLostError, DevToolsError
from worker.browser.page import Page

log = get_logger(__name__)


class WarmPages:
    """Up to `size` fresh pages of one browser, made or being made, and perhaps made again for those taken."""

    def __init__(self, browser: Browser, size: int, *, is_refilled: bool = True) -> None:
        self.browser = browser
        self._size = size
        self._is_refilled = is_refilled
        self._pages: deque[asyncio.Task[Page]] = deque()
        self._awaited: set[asyncio.Task[Page]] = set()  # those that renders wait for
        self._refill_timer: asyncio.TimerHandle | None = None

    @property
    def has_some(self) -> bool:
        """Whether one is ready."""
        return any(_is_made(making) for making in self._pages)

    async def fill(self) -> None:
        """Make pages until there are `size`.

        Raises:
            DevToolsError: the browser ended, or refuses.
        """
        self._begin()
        for making in tuple(self._pages):
            await making

    async def take(self) -> Page:
        """A fresh page: a warm one if there is one, or the one that is being made.

        Raises:
            DevToolsError: the browser ended, or refuses.
        """
        while self._pages:
            making = self._pages.popleft()
            self._awaited.add(making)
            try:
                page = await asyncio.shield(making)
            except DevToolsError:
                continue  # `_made` has logged it
            except asyncio.CancelledError:
                if not making.cancelled():
                    self._pages.appendleft(making)  # for others
                elif not _is_cancelled(asyncio.current_task()):
                    raise ConnectionLostError("the browser was ended") from None
                raise
            finally:
                self._awaited.discard(making)
            if page.is_alive and page.memory.is_alive and not page.has_lost_network:
                return page
            log.info("a warm page ended or lost its network while it waited", generation=page.generation)
            await page.close()
        return await self.browser.new_page()

    def refill(self) -> None:
        """Begin to replace what was taken."""
        if self._refill_timer is not None:
            self._refill_timer.cancel()
            self._refill_timer = None
        if self._is_refilled and self.browser.is_alive:
            self._begin()

    def refill_later(self, after_s: float) -> None:
        """Begin to replace the taken pages in `after_s` seconds. An earlier delay no longer holds."""
        if self._refill_timer is not None:
            self._refill_timer.cancel()
        self._refill_timer = asyncio.get_running_loop().call_later(after_s, self.refill)

    def stop_refilling(self) -> None:
        """Make no more pages: the browser is being replaced."""
        self._is_refilled = False
        self.refill()  # ends the timer

    async def close(self) -> None:
        """Stop making pages; those that are left go with their browser."""
        self.stop_refilling()
        pages = {*self._pages, *self._awaited}
        self._pages.clear()
        for making in pages:
            making.cancel()
        if pages:
            await asyncio.wait(pages)
        for making in filter(_is_made, pages):
            await making.result().port.close()

    def _begin(self) -> None:
        while len(self._pages) < self._size:
            making = asyncio.create_task(self.browser.new_page(), name="make a warm page")
            making.add_done_callback(self._made)
            self._pages.append(making)

    def _made(self, making: asyncio.Task[Page]) -> None:
        if making.cancelled() or (error := making.exception()) is None:
            return
        if making in self._pages:
            self._pages.remove(making)
        # The next render makes its own page and meets the same trouble where it can be reported.
        if isinstance(error, DevToolsError):
            log.warning("cannot make pages ahead of need", reason=str(error))
        else:
            log.error("cannot make pages ahead of need", exc_info=error)


def _is_cancelled(task: asyncio.Task[Any] | None) -> bool:
    return task is not None and task.cancelling() > 0


def _is_made(making: asyncio.Task[Page]) -> bool:
    return making.done() and not making.cancelled() and making.exception() is None
