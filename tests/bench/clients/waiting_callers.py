"""Thousands of callers that wait for jobs, each on a connection of its own, in one small process."""

import asyncio
import resource
import time
from collections.abc import Sequence
from typing import Any, Final

import uvloop

from tests.bench.clients.responder import Document, respond

# How many connect at once: fewer than the backlog of a listening socket.
_CONNECTING: Final = 64
_LAST_CHUNK: Final = b"\r\n0\r\n\r\n"
_HEAD_END: Final = b"\r\n\r\n"
_LENGTH: Final = b"\r\ncontent-length: "


class _Waiter(asyncio.Protocol):
    """One caller. It keeps the answer, which has some kilobytes.

    Attributes:
        is_in: done when the server has accepted the call, as far as the client can see.
        answered_at: when the answer was complete, on the machine's monotonic clock.
    """

    __slots__ = ("_request", "_transport", "answer", "answered_at", "done", "is_in", "is_stream")

    def __init__(self, request: bytes, *, is_stream: bool) -> None:
        loop = asyncio.get_running_loop()
        self.answer = b""
        self.answered_at = 0.0
        self.is_in: asyncio.Future[None] = loop.create_future()
        self.done: asyncio.Future[None] = loop.create_future()
        self._request = request
        self.is_stream = is_stream
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the event loop."""
        self._transport = transport
        self._transport.write(self._request)
        if not self.is_stream:
            self.is_in.set_result(None)

    def data_received(self, data: bytes) -> None:
        """Called by the event loop."""
        self.answer += data
        if not self.is_in.done():
            self.is_in.set_result(None)
        if not self.done.done() and self._is_complete():
            self.answered_at = time.monotonic()
            self.done.set_result(None)
            self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by the event loop."""
        for future in (self.is_in, self.done):
            if not future.done():
                future.set_exception(exc or ConnectionError(f"closed after {self.answer[-200:]!r}"))

    def _is_complete(self) -> bool:
        if self.is_stream:
            return self.answer.endswith(_LAST_CHUNK)
        head, end, body = self.answer.partition(_HEAD_END)
        if not end:
            return False
        length = head.lower().partition(_LENGTH)[2].partition(b"\r\n")[0]
        return len(body) == int(length)


class _WaitingCallers:
    """All of them."""

    def __init__(self) -> None:
        self._waiters: list[_Waiter] = []

    async def answer(self, question: Document) -> Document:
        """Either connect callers, or wait for all their answers.

        To connect: host, port, requests (texts), is_stream. For the answers: stream and answer, the texts
        that each must contain, in order. The result says when each answer was complete, and how many were
        wrong.
        """
        if "requests" in question:
            return await self._connect(question)
        return await self._all_answered(question["stream"], question["answer"])

    async def _connect(self, question: Document) -> Document:
        gate = asyncio.Semaphore(_CONNECTING)
        loop = asyncio.get_running_loop()

        async def connect(request: str) -> None:
            waiter = _Waiter(request.encode(), is_stream=question["is_stream"])
            self._waiters.append(waiter)
            async with gate:
                await loop.create_connection(lambda: waiter, question["host"], question["port"])
                await waiter.is_in

        await asyncio.gather(*(connect(request) for request in question["requests"]))
        return {"waiting": len(self._waiters)}

    async def _all_answered(self, stream: Sequence[str], answer: Sequence[str]) -> Document:
        await asyncio.gather(*(waiter.done for waiter in self._waiters))
        times_s = sorted(waiter.answered_at for waiter in self._waiters)
        wrong = [
            waiter.answer
            for waiter in self._waiters
            if not _holds(waiter.answer, stream if waiter.is_stream else answer)
        ]
        self._waiters = []
        example = wrong[0].decode(errors="replace") if wrong else ""
        return {"times_s": times_s, "wrong": len(wrong), "example": example}


def _holds(answer: bytes, texts: Sequence[str]) -> bool:
    place = 0
    for text in texts:
        place = answer.find(text.encode(), place)
        if place < 0:
            return False
    return True


if __name__ == "__main__":
    _, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (_hard, _hard))
    uvloop.run(respond(_WaitingCallers().answer))
