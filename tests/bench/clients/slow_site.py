"""A site whose page comes after so many seconds, in which nobody computes anything."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

_PAGE: Final = b"<!doctype html><title>slow</title><h1>It took its time.</h1>"
_ANSWER: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n"
    b"Content-Length: %d\r\n\r\n" % len(_PAGE)
) + _PAGE


@asynccontextmanager
async def slow_site(seconds: float) -> AsyncIterator[str]:
    """The address of such a page, which waits so long before it answers."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            if head.startswith(b"GET / "):
                await asyncio.sleep(seconds)
            writer.write(_ANSWER)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # connections that browsers open ahead of need, or give up
        finally:
            writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    finally:
        server.close()
