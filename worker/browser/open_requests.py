"""The requests of a page that have not ended, told by Chromium's Network domain.

Followed for `networkidle` alone: having Chromium report every request costs much (`OpenRequests.follow`).
"""

import asyncio
from dataclasses import dataclass
from typing import Final

from worker.browser.devtools import Params, Session

FONT: Final = "Font"
# EventSource and WebSocket stay open for good.
_ENDLESS: Final = frozenset({"EventSource", "WebSocket"})


@dataclass(slots=True)
class OpenRequest:
    """A request that has not ended.

    Attributes:
        url: what was asked for, redirects followed.
        kind: Chromium's word for what it is for, such as `Font` or `Fetch`.
        began_at: by the loop's clock.
        answered_at: when the head of its answer came; None: it has not.
    """

    url: str
    kind: str
    began_at: float
    answered_at: float | None = None


class OpenRequests:
    """What the documents of one page are waiting for.

    Attributes:
        changed_at: when a request last began, was answered or ended, by the loop's clock.
    """

    def __init__(self, session: Session, frame_id: str) -> None:
        self.changed_at = 0.0
        self._session = session
        self._frame_id = frame_id
        self._open: dict[str, OpenRequest] = {}
        self._changed: asyncio.Future[None] | None = None
        self._clock = asyncio.get_running_loop().time

    async def follow(self) -> None:
        """Have the browser report every request; before anything is loaded.

        Chromium's own `networkIdle` event comes 1 to 2 s late (it looks only when the renderer has something
        else to do), and a document that was written, not fetched, may not get one.
        """
        session = self._session
        session.on("Page.lifecycleEvent", self._lifecycle_event)
        session.on("Network.requestWillBeSent", self._started)
        session.on("Network.responseReceived", self._answered)
        session.on("Network.loadingFinished", self._ended)
        session.on("Network.loadingFailed", self._ended)
        # Zero buffers: the domain would keep every response body for a debugger.
        await session.send("Network.enable", maxTotalBufferSize=0, maxResourceBufferSize=0)

    def now_open(self) -> list[OpenRequest]:
        """All of them, the oldest first."""
        return list(self._open.values())

    async def wait_change(self, timeout_s: float) -> None:
        """Wait until one begins or ends, or until the time is over.

        Raises:
            TargetCrashedError: the page ended.
            ConnectionLostError: the browser ended.
        """
        self._changed = self._session.future()
        await asyncio.wait((self._changed,), timeout=timeout_s)
        if self._changed.done():
            self._changed.result()  # raises what ended the page, if that is what ended the wait
        else:
            self._changed.cancel()

    def _started(self, params: Params) -> None:
        kind = params.get("type", "")
        # A worker's script belongs to no document (its loader is empty), and its end is told to the worker's
        # own session alone.
        if kind not in _ENDLESS and params["loaderId"]:
            self._open[params["requestId"]] = OpenRequest(params["request"]["url"], kind, self._clock())
            self._change()

    def _answered(self, params: Params) -> None:
        if request := self._open.get(params["requestId"]):
            request.answered_at = self._clock()
            self._change()

    def _ended(self, params: Params) -> None:
        self._open.pop(params["requestId"], None)
        self._change()

    def _lifecycle_event(self, params: Params) -> None:
        if params["frameId"] == self._frame_id and params["name"] == "init":
            self._open.clear()  # what the last document still asked for went with it

    def _change(self) -> None:
        self.changed_at = self._clock()
        if self._changed is not None and not self._changed.done():
            self._changed.set_result(None)
