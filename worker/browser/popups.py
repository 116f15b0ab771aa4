"""Closes pages that pages have opened: nobody captures them, no account has their memory, and they work on.

--block-new-web-contents refuses `window.open()` and links with a target, and nothing else: a click with Ctrl
or Shift or the middle button, which scripts make up as they like, opened a page each (50 from one loop,
measured). They went through the same egress proxy, for that belongs to their browser context.
"""

from collections.abc import Callable
from typing import Final

from worker.browser.devtools import Params, Session

_PAGES: Final = [{"type": "page"}]
# A page that opens more does it on purpose: each takes a process for a moment.
_MAX_STRAYS: Final = 5
MANY_WINDOWS: Final = f"the page opened more than {_MAX_STRAYS} windows; nobody would see them"


class Strays:
    """Knows the first page of each browser context, which is a render's, and ends every other one."""

    def __init__(self, browser: Session) -> None:
        self._browser = browser
        self._wanted: dict[str, str] = {}
        self._strays: dict[str, set[str]] = {}
        self._end: dict[str, Callable[[], None]] = {}
        browser.on("Target.targetCreated", self._look)
        # A page does not close while its first document is on the way: then it is told again.
        browser.on("Target.targetInfoChanged", self._look)
        browser.on("Target.targetDestroyed", self._destroyed)

    async def watch(self) -> None:
        """Begin to hear of pages.

        Raises:
            DevToolsError: the browser ended, or refuses.
        """
        await self._browser.send("Target.setDiscoverTargets", discover=True, filter=_PAGES)

    def end_page_of_many(self, context_id: str, end: Callable[[], None]) -> None:
        """Call `end` when the page of this context has opened more pages than may be."""
        self._end[context_id] = end

    def _look(self, params: Params) -> None:
        target = params["targetInfo"]
        context_id, target_id = target.get("browserContextId", ""), target["targetId"]
        if self._wanted.setdefault(context_id, target_id) != target_id:
            self._browser.post("Target.closeTarget", targetId=target_id)
            strays = self._strays.setdefault(context_id, set())
            strays.add(target_id)
            if len(strays) > _MAX_STRAYS and (end := self._end.pop(context_id, None)) is not None:
                end()

    def _destroyed(self, params: Params) -> None:
        gone = [context for context, target in self._wanted.items() if target == params["targetId"]]
        for context in gone:
            del self._wanted[context]
            self._strays.pop(context, None)
            self._end.pop(context, None)
