"""A TCP forwarder to a server. A test can cut, stall and resume it, to simulate outages of the network."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit


class TcpForwarder:
    """Forwards a loopback port to another one.

    Attributes:
        port: the port that clients connect to instead of the server's. With `tls`, they speak TLS to it.
    """

    def __init__(self, target: int, *, tls: ssl.SSLContext | None = None) -> None:
        self.port = 0
        self._kept: dict[asyncio.StreamReader, bytearray] = {}
        self._target = target
        self._tls = tls
        self._server: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()
        self._flowing = asyncio.Event()

    @property
    def sent(self) -> list[bytes]:
        """What clients have sent so far, one entry for each connection."""
        return [bytes(kept) for kept in self._kept.values() if kept]

    async def resume(self) -> None:
        """Start forwarding, or forward again, at the same port."""
        self._flowing.set()
        if self._server is None:
            self._server = await asyncio.start_server(self._forward, "127.0.0.1", self.port, ssl=self._tls)
            self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """End all connections and refuse new ones."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for end in self._ends:
            end.transport.abort()
        self._ends.clear()
        self._flowing.set()  # stalled connections go on and find that they are closed

    def stall(self) -> None:
        """Stop forwarding data until `resume`. Connections stay open, and new ones are accepted."""
        self._flowing.clear()

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._target)
        except OSError:
            writer.transport.abort()  # the server is down, and so is this connection
            return
        ends = {writer, far_writer}
        self._kept[reader] = bytearray()
        self._ends |= ends
        await asyncio.gather(self._pump(reader, far_writer), self._pump(far_reader, writer))
        self._ends -= ends

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        kept = self._kept.get(reader)
        try:
            while data := await reader.read(65_536):
                if kept is not None:
                    kept += data
                await self._flowing.wait()
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            return  # the connection was cut
        finally:
            writer.close()


@asynccontextmanager
async def forwarded(url: str) -> AsyncIterator[tuple[TcpForwarder, str]]:
    """A forwarder to the server of `url`, and the address of the forwarder."""
    port = urlsplit(url).port
    assert port is not None
    made = TcpForwarder(port)
    await made.resume()
    try:
        yield made, url.replace(f":{port}/", f":{made.port}/")
    finally:
        await made.cut()
