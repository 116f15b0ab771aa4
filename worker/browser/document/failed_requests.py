"""The requests of a page that failed, told by Chromium's Network domain.

Chromium's own log (`PageLog`) knows less: it has no line for a script or picture of another site that was
answered with 404 and an error page, because the page itself must not learn that status.
"""

from dataclasses import dataclass
from typing import Final

from worker.browser.devtools import Params, Session
from worker.browser.document.network_events import NetworkEvents

_FIRST_ERROR_STATUS: Final = 400


@dataclass(frozen=True, slots=True)
class FailedRequest:
    """A request that failed, or was answered with an error.

    Attributes:
        url: what was asked for, redirects followed.
        reason: a status such as `404`, or a net error of Chromium such as `net::ERR_CONNECTION_REFUSED`.
    """

    url: str
    reason: str


class FailedRequests:
    """Those of the current document and its frames."""

    def __init__(self, session: Session, frame_id: str, network: NetworkEvents) -> None:
        self._network = network
        self._session = session
        self._frame_id = frame_id
        self._urls: dict[str, str] = {}
        self._reasons: dict[str, str] = {}

    async def follow(self) -> None:
        """Have the browser report every request, before anything is loaded."""
        session = self._session
        session.on("Page.lifecycleEvent", self._lifecycle_event)
        session.on("Network.requestWillBeSent", self._started)
        session.on("Network.responseReceivedExtraInfo", self._answered)
        session.on("Network.loadingFailed", self._failed)
        await self._network.report()

    def without(self, loader: str) -> list[FailedRequest]:
        """All of them in the order in which they failed, without that of the document itself.

        Args:
            loader: Chromium's id of the document, which is that of its request too.
        """
        return [
            FailedRequest(self._urls[request_id], reason)
            for request_id, reason in self._reasons.items()
            if request_id != loader and request_id in self._urls
        ]

    def _started(self, params: Params) -> None:
        self._urls[params["requestId"]] = params["request"]["url"]

    def _answered(self, params: Params) -> None:
        if params["statusCode"] >= _FIRST_ERROR_STATUS:
            self._reasons[params["requestId"]] = str(params["statusCode"])

    def _failed(self, params: Params) -> None:
        # What the page itself gives up, or leaves behind, has not failed.
        if not params.get("canceled", False):
            self._reasons.setdefault(params["requestId"], params["errorText"])

    def _lifecycle_event(self, params: Params) -> None:
        if params["frameId"] == self._frame_id and params["name"] == "init":
            # The requests of the document before went with it; the new one's own began before it.
            for of_requests in (self._urls, self._reasons):
                for request_id in of_requests.keys() - {params["loaderId"]}:
                    del of_requests[request_id]
