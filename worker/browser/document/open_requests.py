"""The requests of a page that have not ended, by events of DevTools' Network domain.

They are followed only for `networkidle`, because reporting each request costs Chromium much CPU.
"""

import asyncio
from dataclasses import dataclass
from typing import Final

from worker.browser.devtools import Params, Session
from worker.browser.document.network_events import NetworkEvents

FONT: Final = "Font"
# EventSource and WebSocket stay open for good.
_ENDLESS: Final = frozenset({"EventSource", "WebSocket"})


@dataclass(slots=True)
class OpenRequest:
    """A request that has not ended.

    Attributes:
        url: the address, after redirects.
        kind: Chromium's type of the request, such as `Font` or `Fetch`.
        began_at: when it began, by the loop's clock.
        answered_at: when the head of its answer arrived; None: not yet.
    """

    url: str
    kind: str
    began_at: float
    answered_at: float | None = None


class OpenRequests:
    """The open requests of the documents of one page.

    Attributes:
        changed_at: when a request last began, was answered or ended, by the loop's clock.
    """

    def __init__(self, session: Session, frame_id: str, network: NetworkEvents) -> None:
        self.changed_at = 0.0
        self._network = network
        self._session = session
        self._frame_id = frame_id
        self._open: dict[str, OpenRequest] = {}
        self._changed: asyncio.Future[None] | None = None
        self._clock = asyncio.get_running_loop().time

    async def follow(self) -> None:
        """Let the browser report each request. Call this before anything is loaded.

        Chromium's own `networkIdle` event comes 1 to 2 s late, because Chromium checks for it only when the
        renderer has other work. And a document that was written, not loaded, may not get this event.
        """
        session = self._session
        session.on("Page.lifecycleEvent", self._on_lifecycle_event)
        session.on("Network.requestWillBeSent", self._on_started)
        session.on("Network.responseReceived", self._on_answered)
        session.on("Network.loadingFinished", self._on_ended)
        session.on("Network.loadingFailed", self._on_ended)
        await self._network.report()

    def now_open(self) -> list[OpenRequest]:
        """All open requests, the oldest first."""
        return list(self._open.values())

    async def wait_change(self, timeout_s: float) -> None:
        """Wait until a request begins, is answered or ends, for `timeout_s` seconds at most.

        Raises:
            TargetCrashedError: the page ended.
            ConnectionLostError: the browser ended.
        """
        self._changed = self._session.future()
        await asyncio.wait((self._changed,), timeout=timeout_s)
        if self._changed.done():
            self._changed.result()  # raises an error if the page has ended
        else:
            self._changed.cancel()

    def _on_started(self, params: Params) -> None:
        kind = params.get("type", "")
        # The script of a web worker belongs to no document (its loader is empty). The end of this request is
        # reported only to the DevTools session of the web worker, which is not followed.
        if kind not in _ENDLESS and params["loaderId"]:
            self._open[params["requestId"]] = OpenRequest(params["request"]["url"], kind, self._clock())
            self._note_change()

    def _on_answered(self, params: Params) -> None:
        if request := self._open.get(params["requestId"]):
            request.answered_at = self._clock()
            self._note_change()

    def _on_ended(self, params: Params) -> None:
        self._open.pop(params["requestId"], None)
        self._note_change()

    def _on_lifecycle_event(self, params: Params) -> None:
        if params["frameId"] == self._frame_id and params["name"] == "init":
            self._open.clear()  # the open requests of the earlier document have ended with it

    def _note_change(self) -> None:
        self.changed_at = self._clock()
        if self._changed is not None and not self._changed.done():
            self._changed.set_result(None)
