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

# What Chromium itself, Playwright and Puppeteer call idle.
_QUIET_S: Final = 0.5
# A meta refresh that waits longer than this is a page that updates itself, not a redirect.
_REDIRECT_WITHIN_S: Final = 1.0
_SAME_DOCUMENT: Final = frozenset({"sameDocument", "historySameDocument"})


class Lifecycle:
    """The main frame's current document and the stages that it has reached.

    Attributes:
        loader: Chromium's id of the current document; changes with every navigation.
        reached: stages of that document: `commit`, then Chromium's own words (`DOMContentLoaded`, `load`,
            and others).
        has_stopped: whether Chromium has stopped loading the document before its load event. Nearly always
            that event will never come; only for the document that it makes around a video it comes later.
        unreachable_url: the address that failed, when the document is Chromium's error page in its place.
    """

    def __init__(self, session: Session, frame_id: str) -> None:
        self.loader = ""
        self.reached: set[str] = set()
        self.has_stopped = False
        self.unreachable_url: str | None = None
        self._session = session
        self._frame_id = frame_id
        self._scheduled = False
        self._navigating = False
        self._changed: asyncio.Future[None] | None = None
        self._requests: set[str] = set()
        self._stirred_at = 0.0
        session.on("Page.lifecycleEvent", self._lifecycle_event)
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

    async def follow_requests(self) -> None:
        """Have the browser report every request, so that `reach_quiet` can tell; before anything is loaded.

        Chromium's own `networkIdle` event comes 1 to 2 s late (it looks only when the renderer has something
        else to do), and a document that was written, not fetched, may not get one.
        """
        session = self._session
        session.on("Network.requestWillBeSent", self._request_started)
        session.on("Network.loadingFinished", self._request_ended)
        session.on("Network.loadingFailed", self._request_ended)
        # Zero buffers: the domain would keep every response body for a debugger.
        await session.send("Network.enable", maxTotalBufferSize=0, maxResourceBufferSize=0)

    async def wait_quiet(self) -> None:
        """Wait until no request has been open for half a second, or another document has come.

        Raises:
            TargetCrashedError: the page ended.
            ConnectionLostError: the browser ended.
        """
        clock, loader = asyncio.get_running_loop().time, self.loader
        self._stirred_at = clock()
        while self._requests or clock() < self._stirred_at + _QUIET_S:
            self._changed = self._session.future()
            timeout = None if self._requests else self._stirred_at + _QUIET_S - clock()
            await asyncio.wait((self._changed,), timeout=timeout)
            if self._changed.done():
                self._changed.result()  # raises what ended the page, if that is what ended the wait
                if self.loader != loader or self.is_moving_on:
                    return
            else:
                self._changed.cancel()

    def _request_started(self, params: Params) -> None:
        # EventSource and WebSocket stay open for good. A worker's script belongs to no document (its loader
        # is empty), and its end is told to the worker's own session alone.
        if params.get("type") not in {"EventSource", "WebSocket"} and params["loaderId"]:
            self._requests.add(params["requestId"])
            self._stir()

    def _request_ended(self, params: Params) -> None:
        self._requests.discard(params["requestId"])
        self._stir()

    def _stir(self) -> None:
        self._stirred_at = asyncio.get_running_loop().time()
        self._wake()

    def _lifecycle_event(self, params: Params) -> None:
        if params["frameId"] != self._frame_id:
            return
        if params["name"] == "init":
            self.loader = params["loaderId"]
            self.reached = {COMMIT}
            self.has_stopped = self._navigating = self._scheduled = False
            self._requests.clear()  # what the last document still asked for went with it
        elif params["loaderId"] == self.loader:
            self.reached.add(params["name"])
        self._wake()

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

    def _stopped_loading(self, params: Params) -> None:
        if params["frameId"] == self._frame_id:
            # Without a new document: it was a 204, a download, or the page stopped it.
            self._navigating = False
            self.has_stopped = COMMIT in self.reached and LOAD not in self.reached
            self._wake()

    def _wake(self) -> None:
        if self._changed is not None and not self._changed.done():
            self._changed.set_result(None)
