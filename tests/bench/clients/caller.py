"""A small HTTP/1.1 client on one keep-alive connection. It uses little CPU, so that it does not disturb."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self, cast

_HEAD_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"\r\ncontent-length: "


@dataclass(frozen=True, slots=True)
class Answer:
    """Status and body."""

    status: int
    body: bytes

    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)


def http_request(
    method: str, path: str, *, host: str, headers: Mapping[str, str], document: object = None
) -> bytes:
    """The bytes of a request, which can be sent many times."""
    body = b"" if document is None else json.dumps(document).encode()
    fields = [f"{name}: {text}" for name, text in headers.items()]
    lines = [f"{method} {path} HTTP/1.1", f"Host: {host}", *fields]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join(lines).encode() + _HEAD_END + body


class Caller(asyncio.Protocol):
    """One connection; one call at a time."""

    def __init__(self) -> None:
        self._received = bytearray()
        self._answer: asyncio.Future[Answer] | None = None
        self._transport: asyncio.Transport | None = None

    @classmethod
    async def connect(cls, host: str, port: int) -> Self:
        """Open the connection."""
        _, caller = await asyncio.get_running_loop().create_connection(cls, host, port)
        return caller

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()

    async def call(self, request: bytes) -> Answer:
        """Send a request and wait for the complete answer, which must have a Content-Length.

        Raises:
            ConnectionError: the server closed the connection.
        """
        if self._transport is None or self._transport.is_closing():
            raise ConnectionError("the server has closed the connection")
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return await self._answer

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the event loop."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's class is no subclass of it

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the event loop."""
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(exc or ConnectionError("the server closed the connection"))

    def data_received(self, data: bytes) -> None:
        """Called by the event loop."""
        self._received += data
        head_end = self._received.find(_HEAD_END)
        if head_end < 0:
            return
        head = bytes(self._received[:head_end]).lower()
        begin = head.index(_LENGTH) + len(_LENGTH)
        length = int(head[begin:].partition(b"\r\n")[0])
        end = head_end + len(_HEAD_END) + length
        if len(self._received) < end or self._answer is None:
            return
        body = bytes(self._received[head_end + len(_HEAD_END) : end])
        self._received.clear()
        self._answer.set_result(Answer(int(head[9:12]), body))
