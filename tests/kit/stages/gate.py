"""A web server that answers only when the test allows it, so that renders stop in the middle and wait."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

PAGE = b"<!doctype html><title>gate</title><body style='background:#0a7'>open</body>"


class Gate:
    """A web server with one page. Requests wait until the gate is opened.

    Attributes:
        visits: how many requests have arrived so far.
        gone: how many clients have closed their connection before they got an answer.
        url: the page's address; each job should add a path of its own.
    """

    def __init__(self) -> None:
        self.visits = 0
        self.gone = 0
        self.url = ""
        self._arrived = asyncio.Condition()
        self._opened = asyncio.Event()
        self._permits = asyncio.Semaphore(0)

    async def visited(self, times: int = 1) -> None:
        """Wait until that many requests have arrived."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: self.visits >= times)

    async def given_up(self, times: int = 1) -> None:
        """Wait until that many clients have closed their connection before they got an answer."""
        async with self._arrived:
            await self._arrived.wait_for(lambda: self.gone >= times)

    def let_one_in(self) -> None:
        """Answer one waiting request."""
        self._permits.release()

    def open(self) -> None:
        """Answer all waiting requests, and all later ones at once."""
        self._opened.set()

    async def _held(self, reader: asyncio.StreamReader) -> None:
        waiting = [
            asyncio.create_task(wait)
            for wait in (self._opened.wait(), self._permits.acquire(), reader.read(1))
        ]
        await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        if waiting[2].done() and not waiting[2].cancelled():
            async with self._arrived:
                self.gone += 1
                self._arrived.notify_all()
            raise ConnectionError

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            if b" /favicon.ico " not in head:
                async with self._arrived:
                    self.visits += 1
                    self._arrived.notify_all()
                await self._held(reader)
            head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n"
            writer.write(head + b"Content-Length: %d\r\n\r\n" % len(PAGE) + PAGE)
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            return  # the browser has closed the connection, which some tests cause
        finally:
            writer.close()


@asynccontextmanager
async def gate() -> AsyncIterator[Gate]:
    """Start a server on a free loopback port. At the end the gate is opened and the server closed."""
    made = Gate()
    server = await asyncio.start_server(made._serve, "127.0.0.1", 0)  # noqa: SLF001 - of the same module
    made.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    try:
        yield made
    finally:
        made.open()
        server.close()
