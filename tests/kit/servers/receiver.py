"""A server that receives webhooks, and that answers them as a test wants."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

from tests.kit.patience import PATIENCE_S

Behaviour = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass(frozen=True)
class Received:
    """One request, with its body."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        """The message's id."""
        return self.headers["webhook-id"]


def answer(status: int, *headers: str, body: bytes = b"{}") -> Behaviour:
    """Answer at once with this status."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        head = [f"HTTP/1.1 {status} Words", f"Content-Length: {len(body)}", *headers, "", ""]
        writer.write("\r\n".join(head).encode() + body)
        await writer.drain()

    return behave


def flood(head: bytes, piece: bytes, *, pause_s: float = 0.0) -> Behaviour:
    """Send `head`, then `piece` again and again."""

    async def behave(writer: asyncio.StreamWriter) -> None:
        writer.write(head)
        while True:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause_s)

    return behave


async def silence(_writer: asyncio.StreamWriter) -> None:
    """Do not answer, and keep the connection open."""
    await asyncio.Event().wait()


async def hang_up(_writer: asyncio.StreamWriter) -> None:
    """Close the connection without an answer."""


class Receiver:
    """A web server at a loopback port.

    Attributes:
        port: where it listens.
        received: the requests so far.
        behaviours: how the next requests are answered, one each; the last one is used again and again.
        most_at_once: the highest number of requests that were open at the same time.
    """

    def __init__(self, scheme: str) -> None:
        self._scheme = scheme
        self.port = 0
        self.received: list[Received] = []
        self.behaviours: list[Behaviour] = [answer(200)]
        self.most_at_once = 0
        self._open: set[asyncio.Task[None]] = set()
        self._arrived = asyncio.Condition()

    @property
    def url(self) -> str:
        """Its address."""
        return f"{self._scheme}://127.0.0.1:{self.port}/hooks"

    @property
    def ids(self) -> list[str]:
        """The messages' ids in the order of their arrival."""
        return [request.id for request in self.received]

    async def got(self, times: int = 1) -> list[Received]:
        """Wait until that many requests have arrived; all requests so far."""
        async with asyncio.timeout(PATIENCE_S), self._arrived:
            await self._arrived.wait_for(lambda: len(self.received) >= times)
        return self.received

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request on a connection."""
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        self.most_at_once = max(self.most_at_once, len(self._open))
        try:
            await self._record(reader)
            behave = self.behaviours.pop(0) if len(self.behaviours) > 1 else self.behaviours[0]
            await behave(writer)
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            return  # the sender has closed the connection, or the test has ended
        finally:
            self._open.discard(task)
            writer.close()

    async def _record(self, reader: asyncio.StreamReader) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        fields = (line.partition(": ") for line in head[1:] if line)
        headers = {name.lower(): value for name, _, value in fields}
        body = await reader.readexactly(int(headers["content-length"]))
        async with self._arrived:
            self.received.append(Received(head[0].split()[1], headers, body))
            self._arrived.notify_all()

    async def close(self) -> None:
        """End the connections that are still open."""
        for task in list(self._open):
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)


@asynccontextmanager
async def receiver(tls: ssl.SSLContext | None = None) -> AsyncIterator[Receiver]:
    """A receiver at a free port."""
    made = Receiver("http" if tls is None else "https")
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0, ssl=tls)
    made.port = server.sockets[0].getsockname()[1]
    try:
        yield made
    finally:
        server.close()
        await made.close()
