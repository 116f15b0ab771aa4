"""Closes pages that a page has opened. They would use memory and CPU that no render is charged for.

--block-new-web-contents only blocks `window.open()` and links with a target. A click with Ctrl or Shift, or
with the middle button, still opens a page, and scripts can simulate such clicks (one loop opened 50 pages,
measured). These pages use the same port of the egress proxy, because it belongs to the browser context.
"""

from collections.abc import Callable
from typing import Final

from worker.browser.devtools import Params, Session

_PAGES: Final = [{"type": "page"}]
# A page that opens more is ended, because each one starts a process.
_MAX_OTHER_PAGES: Final = 5
MANY_WINDOWS: Final = f"the page opened more than {_MAX_OTHER_PAGES} windows; nobody would see them"


class StrayPages:
    """Closes all pages of a browser context except the first one, which is the render's page."""

    def __init__(self, browser: Session) -> None:
        self._browser = browser
        self._first_pages: dict[str, str] = {}
        self._other_pages: dict[str, set[str]] = {}
        self._end_render: dict[str, Callable[[], None]] = {}
        browser.on("Target.targetCreated", self._close_if_not_first)
        # While its first document is being loaded, a page does not close. This event then tries it again.
        browser.on("Target.targetInfoChanged", self._close_if_not_first)
        browser.on("Target.targetDestroyed", self._on_destroyed)

    async def watch(self) -> None:
        """Start to get events about new pages.

        Raises:
            DevToolsError: the browser ended, or refused the command.
        """
        await self._browser.send("Target.setDiscoverTargets", discover=True, filter=_PAGES)

    def on_too_many(self, context_id: str, end: Callable[[], None]) -> None:
        """Call `end` when the page of this context has opened more than the allowed number of pages."""
        self._end_render[context_id] = end

    def _close_if_not_first(self, params: Params) -> None:
        target = params["targetInfo"]
        context_id, target_id = target.get("browserContextId", ""), target["targetId"]
        if self._first_pages.setdefault(context_id, target_id) != target_id:
            self._browser.post("Target.closeTarget", targetId=target_id)
            strays = self._other_pages.setdefault(context_id, set())
            strays.add(target_id)
            if len(strays) > _MAX_OTHER_PAGES and (end := self._end_render.pop(context_id, None)) is not None:
                end()

    def _on_destroyed(self, params: Params) -> None:
        gone = [context for context, target in self._first_pages.items() if target == params["targetId"]]
        for context in gone:
            del self._first_pages[context]
            self._other_pages.pop(context, None)
            self._end_render.pop(context, None)
