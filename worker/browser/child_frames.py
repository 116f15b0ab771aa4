"""The frames within a page, and those that have not loaded yet: the page's own load event waits for them."""

from dataclasses import dataclass

from worker.browser.devtools import Params, Session
from worker.browser.loading import DOM_CONTENT_LOADED


@dataclass(slots=True)
class LoadingFrame:
    """One frame.

    Attributes:
        url: where its document was asked for, redirects not followed.
        is_parsed: whether its document has come and is read to the end; what it lacks are parts of it.
    """

    url: str
    is_parsed: bool = False


class ChildFrames:
    """All of them, from DevTools events.

    Attributes:
        attached: Chromium's ids of all that are there.
        loading: those that load, by their ids.
    """

    def __init__(self, session: Session, main_frame_id: str) -> None:
        self.attached: set[str] = set()
        self.loading: dict[str, LoadingFrame] = {}
        self._main_frame_id = main_frame_id
        session.on("Page.lifecycleEvent", self._lifecycle_event)
        session.on("Page.frameStartedNavigating", self._started)
        session.on("Page.frameStoppedLoading", self._ended)
        session.on("Page.frameAttached", self._attached)
        session.on("Page.frameDetached", self._detached)

    def _attached(self, params: Params) -> None:
        self.attached.add(params["frameId"])

    def _detached(self, params: Params) -> None:
        self.attached.discard(params["frameId"])
        self._ended(params)

    def _started(self, params: Params) -> None:
        if params["frameId"] != self._main_frame_id:
            self.loading[params["frameId"]] = LoadingFrame(params["url"])

    def _ended(self, params: Params) -> None:
        self.loading.pop(params["frameId"], None)

    def _lifecycle_event(self, params: Params) -> None:
        if params["frameId"] == self._main_frame_id:
            if params["name"] == "init":
                # the last document's frames went with it
                self.attached.clear()
                self.loading.clear()
        elif params["name"] == DOM_CONTENT_LOADED and (frame := self.loading.get(params["frameId"])):
            frame.is_parsed = True
