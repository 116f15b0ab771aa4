"""How far the document in a page's main frame is loaded, by DevTools events only.

While a page loads, it may lead the browser to another document (location=, form.submit(), meta refresh). Then
the first document never finishes, and the last one counts. So do not wait for "the load event", but for
`Lifecycle.reach`, which follows the frame from document to document.

Loading may also end without that event: the transfer fails, a script calls window.stop(), or the page leads
to something that is no page (a download, a 204, mailto:), for which Chromium stops reading the page. Then
Chromium only reports that the frame has stopped loading, see `Lifecycle.has_stopped`.
"""

import asyncio
from typing import Final

from worker.browser.devtools import Params, Session

COMMIT: Final = "commit"
DOM_CONTENT_LOADED: Final = "DOMContentLoaded"
LOAD: Final = "load"
# In their order. Chromium has more stages, which callers cannot choose.
STAGES: Final = (COMMIT, DOM_CONTENT_LOADED, LOAD)

# A meta refresh that waits longer than this is a page that updates itself, not a redirect.
_REDIRECT_WITHIN_S: Final = 1.0
# What Chromium may take from a script's wish for another document until it begins to load it.
_START_S: Final = 3.0
_SAME_DOCUMENT: Final = frozenset({"sameDocument", "historySameDocument"})


class Lifecycle:
    """The main frame's current document and the stages that it has reached.

    Attributes:
        loader: Chromium's id of the current document; changes with every navigation.
        reached: stages of that document: `commit`, then Chromium's own words (`DOMContentLoaded`, `load`,
            and others).
        is_written: whether the document was written by a script or by the worker (`document.open`), and not
            loaded from an address. Chromium sends fewer events about such documents.
        has_stopped: whether Chromium has stopped loading before the load event. That event will not come any
            more, except for the document that Chromium makes around a video.
        parsed_at: when the document was parsed to its end (`DOMContentLoaded`), by the loop's clock; None:
            not yet.
        asked_url: the last address that was asked for, before redirects.
        url: the address that the current document was loaded from, redirects followed.
        unreachable_url: the address that failed, if the document is Chromium's error page; otherwise None.
    """

    def __init__(self, session: Session, frame_id: str) -> None:
        self.loader = ""
        self.reached: set[str] = set()
        self.is_written = False
        self.has_stopped = False
        self.parsed_at: float | None = None
        self.asked_url = ""
        self.url = ""
        self.unreachable_url: str | None = None
        self._session = session
        self._frame_id = frame_id
        self._is_navigation_scheduled = False
        self._is_navigating = False
        self._is_navigation_requested = False
        self._is_being_written = False
        self._changed: asyncio.Future[None] | None = None
        session.on("Page.lifecycleEvent", self._on_lifecycle_event)
        session.on("Page.documentOpened", self._on_document_opened)
        session.on("Page.frameNavigated", self._on_frame_navigated)
        session.on("Page.frameScheduledNavigation", self._on_scheduled_navigation)
        session.on("Page.frameClearedScheduledNavigation", self._on_cleared_navigation)
        session.on("Page.frameRequestedNavigation", self._on_requested_navigation)
        session.on("Page.frameStartedNavigating", self._on_started_navigating)
        session.on("Page.frameStoppedLoading", self._on_stopped_loading)

    @property
    def is_moving_on(self) -> bool:
        """Whether the page is about to be replaced by another document."""
        return self._is_navigation_scheduled or self._is_navigating

    def restart(self) -> None:
        """Forget the current document. Call this before asking for another one."""
        self.loader = ""
        self.reached = set()
        self.has_stopped = False
        self.parsed_at = None
        self.url = ""
        self.unreachable_url = None

    def has_reached(self, stage: str) -> bool:
        """Whether the current document has reached `stage` and is going to stay."""
        return stage in self.reached and not self.is_moving_on

    async def reach(self, stage: str) -> None:
        """Wait until the current document has reached `stage` or has stopped, and will not be replaced.

        Raises:
            TargetCrashedError: the page ended.
            ConnectionLostError: the browser ended.
        """
        while not self.has_reached(stage) and (self.is_moving_on or not self.has_stopped):
            self._changed = self._session.future()
            await self._changed

    async def wait_start(self) -> None:
        """Wait until the document that a script has just asked for is being loaded, if it asked for one.

        The page asks before the script's answer is here, but the browser process begins to load after it: in
        between, `is_moving_on` does not tell yet.

        Raises:
            TargetCrashedError: the page ended.
            ConnectionLostError: the browser ended.
        """
        try:
            async with asyncio.timeout(_START_S):
                while self._is_navigation_requested:
                    self._changed = self._session.future()
                    await self._changed
        except TimeoutError:
            self._is_navigation_requested = False  # Chromium has dropped the wish

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

    def _on_lifecycle_event(self, params: Params) -> None:
        if params["frameId"] != self._frame_id:
            return
        if params["name"] == "init":
            self.loader = params["loaderId"]
            self.reached = {COMMIT}
            self.has_stopped = self._is_navigating = self._is_navigation_scheduled = False
            self._is_navigation_requested = False
            self.is_written, self._is_being_written = self._is_being_written, False
            self.parsed_at = None
        elif params["loaderId"] == self.loader:
            self.reached.add(params["name"])
            if params["name"] == DOM_CONTENT_LOADED:
                self.parsed_at = asyncio.get_running_loop().time()
        self._wake()

    def _on_document_opened(self, params: Params) -> None:
        if params["frame"]["id"] == self._frame_id:
            self._is_being_written = True

    def _on_frame_navigated(self, params: Params) -> None:
        if params["frame"]["id"] == self._frame_id:
            self.url = params["frame"]["url"]
            self.unreachable_url = params["frame"].get("unreachableUrl")
            self._wake()

    def _on_scheduled_navigation(self, params: Params) -> None:
        if params["frameId"] == self._frame_id and params["delay"] < _REDIRECT_WITHIN_S:
            self._is_navigation_scheduled = True

    def _on_cleared_navigation(self, params: Params) -> None:
        if params["frameId"] == self._frame_id:
            self._is_navigation_scheduled = False
            self._wake()

    def _on_requested_navigation(self, params: Params) -> None:
        if params["frameId"] == self._frame_id and params["disposition"] == "currentTab":
            self._is_navigation_requested = True

    def _on_started_navigating(self, params: Params) -> None:
        if params["frameId"] == self._frame_id and params["navigationType"] not in _SAME_DOCUMENT:
            self._is_navigating = True
            self._is_navigation_requested = False
            self.asked_url = params["url"]
            self._wake()

    def _on_stopped_loading(self, params: Params) -> None:
        if params["frameId"] == self._frame_id:
            # No new document has come: the answer was a 204 or a download, or the page has stopped loading.
            self._is_navigating = self._is_navigation_requested = False
            self.has_stopped = COMMIT in self.reached and LOAD not in self.reached
            self._wake()

    def _wake(self) -> None:
        if self._changed is not None and not self._changed.done():
            self._changed.set_result(None)
