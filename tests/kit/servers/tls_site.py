"""A site of https that answers everything, and remembers what it was asked for."""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import trustme

PIXEL: Final = base64.b64decode("R0lGODlhAQABAIAAAP8AAP8AACwAAAAAAQABAAACAkQBADs=")
CLIP: Final = bytes(1000)
_TYPES: Final = {"js": "text/javascript", "gif": "image/gif", "css": "text/css", "html": "text/html"}


class TlsSite:
    """What it was asked for, in order: host and target.

    Attributes:
        port: where it listens.
        asked: host, path and query of each request.
        page: the document at `/`.
    """

    def __init__(self) -> None:
        self.port = 0
        self.asked: list[str] = []
        self.page = ""

    def count(self, what: str) -> int:
        """How often something was asked for that contains these characters."""
        return sum(what in one for one in self.asked)

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection: each request gets an answer of the type that its end says, or `?type=`."""
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode().split("\r\n")
                target = lines[0].split(" ")[1]
                host = next(line[6:] for line in lines if line.lower().startswith("host: "))
                self.asked.append(f"{host.partition(':')[0]}{target}")
                end = target.partition("?")[0].rpartition(".")[2]
                is_page = target.partition("?")[0] == "/"
                body = PIXEL if end == "gif" else self.page.encode() if is_page else b""
                kind = _TYPES.get("html" if is_page else end, "text/plain")
                if "?type=" in target:
                    kind, body = target.rpartition("=")[2], CLIP
                writer.write(
                    f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode()
                    + body
                )
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def plain_site() -> AsyncIterator[TlsSite]:
    """The same by plain http."""
    site = TlsSite()
    server = await asyncio.start_server(site.answer, "127.0.0.1", 0)
    site.port = server.sockets[0].getsockname()[1]
    try:
        yield site
    finally:
        server.close()


@asynccontextmanager
async def tls_site(*names: str) -> AsyncIterator[TlsSite]:
    """A site with a certificate for these names, which nobody vouches for."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert(*names).configure_cert(context)
    site = TlsSite()
    server = await asyncio.start_server(site.answer, "127.0.0.1", 0, ssl=context)
    site.port = server.sockets[0].getsockname()[1]
    try:
        yield site
    finally:
        server.close()
