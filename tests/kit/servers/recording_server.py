"""A web server that answers everything with one page, and keeps what it was asked with."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class Recording:
    """A running server.

    Attributes:
        port: on 127.0.0.1.
        heads: of each request so far: the header fields, names in lower case.
    """

    port: int = 0
    heads: list[dict[str, str]] = field(default_factory=list)


@asynccontextmanager
async def recording_server(
    page: str, *, headers: str = "", tls: ssl.SSLContext | None = None
) -> AsyncIterator[Recording]:
    """Serve `page` on a free port, with header lines of one's own (each ends with a line break)."""
    recording = Recording()
    body = page.encode()
    head = f"HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {len(body)}\r\n"
    answer = f"{head}Connection: close\r\n{headers}\r\n".encode() + body

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            lines = (await reader.readuntil(b"\r\n\r\n")).decode().splitlines()[1:]
            pairs = (line.partition(":") for line in lines if line)
            recording.heads.append({name.lower(): value.strip() for name, _, value in pairs})
            writer.write(answer)
            await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # connections that browsers open ahead of need, and do not use
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    recording.port = server.sockets[0].getsockname()[1]
    try:
        yield recording
    finally:
        server.close()
