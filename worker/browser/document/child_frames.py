"""The frames within a page, and those that have not loaded yet: the page's own load event waits for them."""

from dataclasses import dataclass

from worker.browser.devtools import Params, Session
from worker.browser.document.loading import DOM_CONTENT_LOADED


@dataclass(slots=True)
class LoadingFrame:
    """One frame.

    Attributes:
        url: the address of its document, before redirects.
        is_parsed: whether its document was parsed to the end. Then only parts such as images are missing.
    """

    url: str
    is_parsed: bool = False


class ChildFrames:
    """The child frames of one page, and which of them are loading, by DevTools events.

    Attributes:
        attached: Chromium's ids of all child frames.
        loading: the frames that are loading, by their ids.
    """

    def __init__(self, session: Session, main_frame_id: str) -> None:
        self.attached: set[str] = set()
        self.loading: dict[str, LoadingFrame] = {}
        self._main_frame_id = main_frame_id
        session.on("Page.lifecycleEvent", self._on_lifecycle_event)
        session.on("Page.frameStartedNavigating", self._on_started)
        session.on("Page.frameStoppedLoading", self._on_ended)
        session.on("Page.frameAttached", self._on_attached)
        session.on("Page.frameDetached", self._on_detached)

    def _on_attached(self, params: Params) -> None:
        self.attached.add(params["frameId"])

    def _on_detached(self, params: Params) -> None:
        self.attached.discard(params["frameId"])
        self._on_ended(params)

    def _on_started(self, params: Params) -> None:
        if params["frameId"] != self._main_frame_id:
            self.loading[params["frameId"]] = LoadingFrame(params["url"])

    def _on_ended(self, params: Params) -> None:
        self.loading.pop(params["frameId"], None)

    def _on_lifecycle_event(self, params: Params) -> None:
        if params["frameId"] == self._main_frame_id:
            if params["name"] == "init":
                # the frames of the earlier document have ended with it
                self.attached.clear()
                self.loading.clear()
        elif params["name"] == DOM_CONTENT_LOADED and (frame := self.loading.get(params["frameId"])):
            frame.is_parsed = True
