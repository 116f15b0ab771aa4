"""A connection to a target or proxy before pipes take it over: what arrives is buffered, and can be read."""

import asyncio
from typing import Final, cast

from fleet.egress.public_addresses import Address

# Handshakes with proxies are shorter. If a target sends more before pipes take over, reading is paused.
MAX_BUFFERED_BYTES: Final = 64 * 1024
# RFC 9112, section 2.1: an empty line.
END_OF_HEAD: Final = b"\r\n\r\n"
_VERSION: Final = b"HTTP/1."


class StreamEndedError(ConnectionError):
    """The connection ended before the expected bytes arrived, or what has arrived cannot become them."""


def begins_answer(data: bytes | bytearray) -> bool:
    """Whether an answer of HTTP/1 can begin so; servers of other protocols wait after their first line."""
    return _VERSION.startswith(data[: len(_VERSION)])


class Stream(asyncio.Protocol):
    """One connection, used by one task.

    Attributes:
        transport: for writing.
        address: the address that it is connected to, set by `dial_first`; None: not known.
    """

    __slots__ = ("_buffer", "_is_ended", "_lost", "_waiter", "address", "transport")

    transport: asyncio.Transport

    def __init__(self) -> None:
        self.address: Address | None = None
        self._buffer = b""
        self._is_ended = False
        self._lost: Exception | bool = False
        self._waiter: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Store the transport."""
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Keep what comes."""
        self._buffer += data
        if len(self._buffer) > MAX_BUFFERED_BYTES:
            self.transport.pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        """The other side has ended its part. It may still read."""
        self._is_ended = True
        self._wake()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """It ended."""
        self._lost = exc or True
        self._wake()

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def read(self, count: int) -> bytes:
        """Read exactly `count` bytes, at least one.

        Raises:
            StreamEndedError: the connection ended before.
        """
        while len(self._buffer) < count:
            await self._wait_for_more()
        found, self._buffer = self._buffer[:count], self._buffer[count:]
        return found

    async def read_head(self, end: bytes) -> bytes:
        """Read up to and with the first `end`.

        Raises:
            StreamEndedError: the connection ended before, the buffer is full, or this is no answer of HTTP/1.
        """
        while (found := self._buffer.find(end)) < 0:
            if not begins_answer(self._buffer):
                raise StreamEndedError
            await self._wait_for_more()
        return await self.read(found + len(end))

    async def _wait_for_more(self) -> None:
        if self._is_ended or self._lost or len(self._buffer) > MAX_BUFFERED_BYTES:
            raise StreamEndedError
        self._waiter = asyncio.get_running_loop().create_future()
        await self._waiter

    def hand_over(self, protocol: asyncio.Protocol) -> None:
        """Give the connection to another protocol, with the buffered bytes and the events so far."""
        self.transport.set_protocol(protocol)
        if self._buffer:
            protocol.data_received(self._buffer)
            self._buffer = b""
        self.transport.resume_reading()
        if self._is_ended:
            protocol.eof_received()
        if self._lost:
            protocol.connection_lost(self._lost if isinstance(self._lost, Exception) else None)
