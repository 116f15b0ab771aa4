"""Answers that take time: an artifact from the store, and a refusal while the body is still arriving."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from typing import Final, Self

from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from api.http.hang_up import hung_up
from fleet.errors import UnavailableError
from fleet.telemetry.logs import get_logger

LINGER_S: Final = 2.0
_LINGER_BYTES: Final = 64 * 1024 * 1024

log = get_logger(__name__)


class StreamedResponse(Response):
    """An answer that is sent while it is read from the store. Stops reading when the caller has gone.

    Starlette's own StreamingResponse leaves its source open when the caller closes the connection.
    """

    def __init__(
        self, first: bytes, rest: AsyncGenerator[bytes, None], *, status: int, headers: Mapping[str, str]
    ) -> None:
        super().__init__(status_code=status, headers=headers)
        self._first = first
        self._rest = rest

    @classmethod
    async def begun(
        cls, chunks: AsyncGenerator[bytes, None], *, status: int, headers: Mapping[str, str]
    ) -> Self:
        """Wait for the first bytes, so that an error of the store can still be a problem document.

        Raises:
            Exception: what the source raises before its first chunk.
        """
        first = await anext(chunks, b"")
        return cls(first, chunks, status=status, headers=headers)

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Send it. If the store fails in the middle, the connection is closed before the answer ends."""
        left = asyncio.create_task(hung_up(receive))
        try:
            async with aclosing(self._rest):
                await send(_start(self.status_code, self.raw_headers))
                await send(_body(self._first, more=True))
                async for chunk in self._rest:
                    if left.done():
                        return
                    await send(_body(chunk, more=True))
                await send(_body(b"", more=False))
        except UnavailableError as error:
            log.warning("the store failed in the middle of an artifact", error=repr(error.__cause__ or error))
        finally:
            left.cancel()


class LingeringResponse(Response):
    """A refusal while the body is still arriving: answers at once, then ignores what arrives for two seconds.

    To close at once would reset the connection. Callers that send everything before they read (Python's
    urllib, Java's HttpURLConnection) would see a broken pipe instead of the answer.
    """

    def __init__(self, answer: Response) -> None:
        super().__init__(answer.body, status_code=answer.status_code, headers=dict(answer.headers))
        self.headers["Connection"] = "close"

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        """Send everything except the end of the answer, wait for the rest of the body, then end it."""
        await send(_start(self.status_code, self.raw_headers))
        await send(_body(bytes(self.body), more=True))
        with suppress(TimeoutError):
            async with asyncio.timeout(LINGER_S):
                await _drop_body(receive)
        await send(_body(b"", more=False))


async def _drop_body(receive: Receive) -> None:
    dropped = 0
    while dropped < _LINGER_BYTES:
        message = await receive()
        if not message.get("more_body"):
            return
        dropped += len(message["body"])


def _start(status: int, headers: list[tuple[bytes, bytes]]) -> Message:
    return {"type": "http.response.start", "status": status, "headers": headers}


def _body(chunk: bytes, *, more: bool) -> Message:
    return {"type": "http.response.body", "body": chunk, "more_body": more}
