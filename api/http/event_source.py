"""Server-Sent Events (WHATWG HTML, "Server-sent events"): what all streams of them have in common.

FastAPI's own EventSourceResponse needs four tasks and two queues for each caller. There are thousands of
callers here, so each one has only the task of its call.
"""

import asyncio
from typing import Final

from starlette.responses import Response
from starlette.types import Send

# A line that begins with a colon is a comment: it keeps proxies from closing a silent connection.
KEEPALIVE: Final = b":\n\n"


class EventSource(Response):
    """An open answer. If its caller takes nothing for `keepalive_s`, sending raises TimeoutError."""

    media_type = "text/event-stream"

    def __init__(self, *, keepalive_s: float) -> None:
        # nginx holds answers back to write them in larger pieces, unless X-Accel-Buffering forbids it.
        headers = {"Content-Type": self.media_type, "Cache-Control": "no-store", "X-Accel-Buffering": "no"}
        super().__init__(headers=headers)
        del self.headers["Content-Length"]
        self._keepalive_s = keepalive_s

    async def begin(self, send: Send) -> None:
        """Send status and headers."""
        async with asyncio.timeout(self._keepalive_s):
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})

    async def put(self, send: Send, text: bytes) -> None:
        """Send a part of the stream, of whole lines."""
        async with asyncio.timeout(self._keepalive_s):
            await send({"type": "http.response.body", "body": text, "more_body": True})

    async def end(self, send: Send) -> None:
        """End the stream, so that the caller sees that nothing was cut off."""
        async with asyncio.timeout(self._keepalive_s):
            await send({"type": "http.response.body", "body": b"", "more_body": False})
