"""A connection to a target or to another proxy until it is relayed: what comes is kept, and can be read."""

import asyncio
from typing import Final, cast

from fleet.egress.public_addresses import Address

# A handshake with a proxy is shorter. A target that speaks first is not read further before it is relayed.
MAX_HELD_BYTES: Final = 64 * 1024
# RFC 9112, section 2.1: an empty line.
END_OF_HEAD: Final = b"\r\n\r\n"


class StreamEndedError(ConnectionError):
    """It ended before what was wanted had come, or more came than is wanted."""


class Stream(asyncio.Protocol):
    """One connection, in the hand of one task.

    Attributes:
        transport: to write to.
        address: that was dialled, set by whoever did; None: not known.
    """

    __slots__ = ("_arrived", "_held", "_is_ended", "_lost", "address", "transport")

    transport: asyncio.Transport

    def __init__(self) -> None:
        self.address: Address | None = None
        self._held = b""
        self._is_ended = False
        self._lost: Exception | bool = False
        self._arrived: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It stands."""
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Keep what comes."""
        self._held += data
        if len(self._held) > MAX_HELD_BYTES:
            self.transport.pause_reading()
        self._wake()

    def eof_received(self) -> bool:
        """The other side says no more; it may still listen."""
        self._is_ended = True
        self._wake()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        """It ended."""
        self._lost = exc or True
        self._wake()

    def _wake(self) -> None:
        if self._arrived is not None and not self._arrived.done():
            self._arrived.set_result(None)

    async def read(self, count: int) -> bytes:
        """So many bytes, at least one.

        Raises:
            StreamEndedError: they do not come.
        """
        while len(self._held) < count:
            await self._more()
        found, self._held = self._held[:count], self._held[count:]
        return found

    async def read_head(self, end: bytes) -> bytes:
        """Everything to the first `end`, it included.

        Raises:
            StreamEndedError: it does not come.
        """
        while (found := self._held.find(end)) < 0:
            await self._more()
        return await self.read(found + len(end))

    async def _more(self) -> None:
        if self._is_ended or self._lost or len(self._held) > MAX_HELD_BYTES:
            raise StreamEndedError
        self._arrived = asyncio.get_running_loop().create_future()
        await self._arrived

    def hand_over(self, protocol: asyncio.Protocol) -> None:
        """Let another one have the connection, with all that has happened meanwhile."""
        self.transport.set_protocol(protocol)
        if self._held:
            protocol.data_received(self._held)
            self._held = b""
        self.transport.resume_reading()
        if self._is_ended:
            protocol.eof_received()
        if self._lost:
            protocol.connection_lost(self._lost if isinstance(self._lost, Exception) else None)
