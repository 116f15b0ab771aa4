"""How far the document in a page's main frame has come, told from DevTools events alone.

A page may send the browser on while it loads (location=, form.submit(), meta refresh); then the document that
was asked for never finishes, and the one that counts is the last. So nobody waits for "the load event" but
for `Lifecycle.reach`, which follows the frame from document to document.

Loading may also end for good without that event: the transfer breaks off, a script calls window.stop(), or it
leads to what is no page (a download, a 204, mailto:), for which Chromium stops to read the page. Then
Chromium says no more than that the frame has stopped loading, see `Lifecycle.has_stopped`.
"""

import asyncio
from typing import Final

from worker.browser.devtools import Params, Session

COMMIT: Final = "commit"
DOM_CONTENT_LOADED: Final = "DOMContentLoaded"
LOAD: Final = "load"
# In their order; Chromium has more, which say nothing to a caller.
STAGES: Final = (COMMIT, DOM_CONTENT_LOADED, LOAD)

# A meta refresh that waits longer than this is a page that updates itself, not a redirect.
_REDIRECT_WITHIN_S: Final = 1.0
_SAME_DOCUMENT: Final = frozenset({"sameDocument", "historySameDocument"})


class Lifecycle:
    """The main frame's current document and the stages that it has reached.

    Attributes:
        loader: Chromium's id of the current document; changes with every navigation.
        reached: stages of that document: `commit`, then Chromium's own words (`DOMContentLoaded`, `load`,
            and others).
        is_written: whether a script, or we, have written the document (`document.open`) instead of fetching
            it. Chromium says less of such a one.
        has_stopped: whether Chromium has stopped loading before the load event. Nearly always that event will
            never come; only for the document around a video it comes later.
        parsed_at: when the document was read to the end (`DOMContentLoaded`), by the loop's clock; None: it
            is not.
        asked_url: the address that was asked for last, redirects not followed.
        unreachable_url: the address that failed, when the document is Chromium's error page in its place.
    """

    def __init__(self, session: Session, frame_id: str) -> None:
        self.loader = ""
        self.reached: set[str] = set()
        self.is_written = False
        self.has_stopped = False
        self.parsed_at: float | None = None
        self.asked_url = ""
        self.unreachable_url: str | None = None
        self._session = session
        self._frame_id = frame_id
        self._scheduled = False
        self._navigating = False
        self._writing = False
        self._changed: asyncio.Future[None] | None = None
        session.on("Page.lifecycleEvent", self._lifecycle_event)
        session.on("Page.documentOpened", self._document_opened)
        session.on("Page.frameNavigated", self._frame_navigated)
        session.on("Page.frameScheduledNavigation", self._scheduled_navigation)
        session.on("Page.frameClearedScheduledNavigation", self._cleared_navigation)
        session.on("Page.frameStartedNavigating", self._started_navigating)
        session.on("Page.frameStoppedLoading", self._stopped_loading)

    @property
    def is_moving_on(self) -> bool:
        """Whether the page is about to be replaced by another document."""
        return self._scheduled or self._navigating

    def restart(self) -> None:
        """Forget the current document, just before another one is asked for."""
        self.loader = ""
        self.reached = set()
        self.has_stopped = False
        self.parsed_at = None
        self.unreachable_url = None

    def has_reached(self, stage: str) -> bool:
        """Whether the current document has reached `stage` and is going to stay."""
        return stage in self.reached and not self.is_moving_on

    async def reach(self, stage: str) -> None:
        """Wait until the current document has reached `stage`, or has stopped before, and is going to stay.

        Raises:
            TargetCrashedError: the page ended.
            ConnectionLostError: the browser ended.
        """
        while not self.has_reached(stage) and (self.is_moving_on or not self.has_stopped):
            self._changed = self._session.future()
            await self._changed

    async def wait_unreachable(self) -> str:
        """Wait for the error page that Chromium shows after a failed navigation.

        Returns:
            The address that failed, redirects followed.

        Raises:
            TargetCrashedError: the page ended.
            ConnectionLostError: the browser ended.
        """
        while self.unreachable_url is None:
            self._changed = self._session.future()
            await self._changed
        return self.unreachable_url

    def _lifecycle_event(self, params: Params) -> None:
        if params["frameId"] != self._frame_id:
            return
        if params["name"] == "init":
            self.loader = params["loaderId"]
            self.reached = {COMMIT}
            self.has_stopped = self._navigating = self._scheduled = False
            self.is_written, self._writing = self._writing, False
            self.parsed_at = None
        elif params["loaderId"] == self.loader:
            self.reached.add(params["name"])
            if params["name"] == DOM_CONTENT_LOADED:
                self.parsed_at = asyncio.get_running_loop().time()
        self._wake()

    def _document_opened(self, params: Params) -> None:
        if params["frame"]["id"] == self._frame_id:
            self._writing = True

    def _frame_navigated(self, params: Params) -> None:
        if params["frame"]["id"] == self._frame_id:
            self.unreachable_url = params["frame"].get("unreachableUrl")
            self._wake()

    def _scheduled_navigation(self, params: Params) -> None:
        if params["frameId"] == self._frame_id and params["delay"] < _REDIRECT_WITHIN_S:
            self._scheduled = True

    def _cleared_navigation(self, params: Params) -> None:
        if params["frameId"] == self._frame_id:
            self._scheduled = False
            self._wake()

    def _started_navigating(self, params: Params) -> None:
        if params["frameId"] == self._frame_id and params["navigationType"] not in _SAME_DOCUMENT:
            self._navigating = True
            self.asked_url = params["url"]

    def _stopped_loading(self, params: Params) -> None:
        if params["frameId"] == self._frame_id:
            # Without a new document: it was a 204, a download, or the page stopped it.
            self._navigating = False
            self.has_stopped = COMMIT in self.reached and LOAD not in self.reached
            self._wake()

    def _wake(self) -> None:
        if self._changed is not None and not self._changed.done():
            self._changed.set_result(None)
