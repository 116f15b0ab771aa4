"""`/ui/live`: Server-Sent Events that say only that something has changed."""

import asyncio
from typing import Final

from fastapi import APIRouter
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from api.ui.dashboard_page import ROOT
from api.ui.viewer import Viewer, Viewing, viewer_of
from fleet.errors import RenderfleetError, UnavailableError
from fleet.telemetry.logs import get_logger

# EventSource ignores an event without data.
_CHANGED: Final = b"data: changed\n\n"
# When the connection breaks, the browser asks again after two seconds.
_BEGIN: Final = b"retry: 2000\n\n"

log = get_logger(__name__)
router = APIRouter(prefix=ROOT)


@router.get("/live")
async def follow_changes(viewer: Viewing) -> Response:
    """The stream, until the page is closed, the session is over or the process stops."""
    return _TickStream(viewer)


class _TickStream(Response):
    media_type = "text/event-stream"

    def __init__(self, viewer: Viewer) -> None:
        super().__init__(
            headers={"Content-Type": self.media_type, "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        )
        del self.headers["Content-Length"]
        self._viewer = viewer
        self._keepalive_s = viewer.dependencies.settings.api.api_events_keepalive_s

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        viewer = self._viewer
        with viewer.dependencies.ticks.follow(viewer.tenant.key_id) as follower:
            try:
                await self._put(
                    send, {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
                )
                await self._put(send, _body(_BEGIN))
                while await follower.wait(timeout_s=self._keepalive_s, receive=receive):
                    # The last event leads a page whose session is over to the page to sign in.
                    is_over = follower.is_over or not await self._is_signed_in()
                    await self._put(send, _body(_CHANGED))
                    if is_over:
                        await self._put(send, _body(b"", more=False))
                        return
            except TimeoutError:
                log.info("a page takes no events, its stream is cut")

    async def _is_signed_in(self) -> bool:
        try:
            await viewer_of(self._viewer.request, None)
        except UnavailableError:
            return True  # nobody knows at the moment
        except RenderfleetError:
            return False
        return True

    async def _put(self, send: Send, message: Message) -> None:
        async with asyncio.timeout(self._keepalive_s):
            await send(message)


def _body(text: bytes, *, more: bool = True) -> Message:
    return {"type": "http.response.body", "body": text, "more_body": more}
