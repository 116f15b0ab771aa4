"""Pages made ahead of need, so that a render does not wait for its browser context.

Each is used once. They belong to one browser and go with it.
"""

import asyncio
from collections import deque

from fleet.telemetry.logs import get_logger
from worker.browser.browser import Browser
from worker.browser.devtools import DevToolsError
from worker.browser.page import Page

log = get_logger(__name__)


class WarmPages:
    """Up to `size` fresh pages of one browser, perhaps refilled one at a time in the background."""

    def __init__(self, browser: Browser, size: int, *, is_refilled: bool = True) -> None:
        self.browser = browser
        self._size = size
        self._is_refilled = is_refilled
        self._pages: deque[Page] = deque()
        self._refilling: asyncio.Task[None] | None = None
        self._closed = False

    @property
    def has_some(self) -> bool:
        """Whether one is ready."""
        return bool(self._pages)

    async def fill(self) -> None:
        """Make pages until there are `size`.

        Raises:
            DevToolsError: the browser ended, or refuses.
        """
        while len(self._pages) < self._size and not self._closed:
            self._pages.append(await self.browser.new_page())

    async def take(self) -> Page:
        """A fresh page, a warm one if there is one.

        Raises:
            DevToolsError: the browser ended, or refuses.
        """
        page = await self._pop()
        if self._is_refilled:
            self.refill()
        return page if page is not None else await self.browser.new_page()

    def refill(self) -> None:
        """Begin to replace what was taken."""
        if self._refilling is None or self._refilling.done():
            self._refilling = asyncio.create_task(self._refill(), name="refill warm pages")

    async def close(self) -> None:
        """Stop making pages; those that are left go with their browser."""
        self._closed = True
        if self._refilling is not None:
            self._refilling.cancel()
            await asyncio.wait((self._refilling,))
        while self._pages:
            await self._pages.popleft().port.close()

    async def _pop(self) -> Page | None:
        while self._pages:
            page = self._pages.popleft()
            if page.is_alive and page.memory.is_alive and not page.has_lost_network:
                return page
            log.info("a warm page ended or lost its network while it waited", generation=page.generation)
            await page.close()
        return None

    async def _refill(self) -> None:
        try:
            await self.fill()
        except DevToolsError as error:
            # The next render makes its own page and meets the same trouble where it can be reported.
            log.warning("cannot make pages ahead of need", reason=str(error))
