"""Servers on loopback addresses that no page may reach. They record each contact and its channel.

A channel is a way in which a page can cause network traffic, for example an image or WebRTC. 127.0.0.2 stands
for a public address: the page's own server is there (tests/kit/security/channels.py). These servers stand for
private addresses. Channels over HTTP share a port and differ in their path; each of the others has a port of
its own. All traffic stays on this machine.
"""

import asyncio
import contextlib
import functools
import re
import socket
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final

ADDRESSES: Final = ("127.0.0.1", "127.0.0.3", "::1")
# Channels with a port of their own.
OVER_TCP: Final = ("turn-tcp", "turns", "ice-tcp", "preconnect")
OVER_UDP: Final = ("stun", "turn-udp", "ice-udp", "webtransport")

_SETTLE_S: Final = 20.0
_PATH: Final = re.compile(rb"^[A-Z]+ /([a-z0-9-]+)[? ]")
_BODY: Final = b"/* what no page of another may read */"
_ANSWER: Final = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nAccess-Control-Allow-Origin: *\r\n"
    b"Access-Control-Allow-Headers: *\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%s"
) % (len(_BODY), _BODY)


@dataclass
class PrivateListeners:
    """The contacts so far.

    Attributes:
        ports: the port of each channel by its name; `http` is the shared one. They are the same at each
            address.
        hits: the addresses that each channel has reached.
    """

    ports: dict[str, int]
    hits: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def note(self, channel: str, address: str) -> None:
        """Record a contact."""
        self.hits[channel].add(address)
        self._changed.set()

    async def until(self, channels: set[str], timeout_s: float, *, everywhere: bool = False) -> None:
        """Wait until all these channels have reached a listener, or until the time is over.

        Args:
            channels: their names.
            timeout_s: seconds to wait.
            everywhere: whether each has to reach every address.
        """
        wanted = set(ADDRESSES) if everywhere else set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while any(channel not in self.hits or wanted - self.hits[channel] for channel in channels):
                    self._changed.clear()
                    await self._changed.wait()

    async def settle(self) -> None:
        """Wait until all earlier contacts are recorded: connections are served in the order of arrival."""
        for address in ADDRESSES:
            _, writer = await asyncio.open_connection(address, self.ports["http"])
            writer.write(b"GET /settled HTTP/1.1\r\n\r\n")
            await self.until({"settled"}, _SETTLE_S)
            writer.close()
            del self.hits["settled"]


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, listeners: PrivateListeners, channel: str, address: str) -> None:
        self._listeners, self._channel, self._address = listeners, channel, address

    def datagram_received(self, data: bytes, addr: object) -> None:  # noqa: ARG002 - the content does not matter
        self._listeners.note(self._channel, self._address)


@asynccontextmanager
async def private_listeners() -> AsyncIterator[PrivateListeners]:
    """Open all listeners; they are closed at the end of the block."""
    async with contextlib.AsyncExitStack() as stack:
        made = None
        while made is None:
            with contextlib.suppress(OSError):  # another program has taken a port meanwhile
                made = await _opened(stack)
        yield made


async def _opened(outer: contextlib.AsyncExitStack) -> PrivateListeners:
    """Listeners at ports that are free; `outer` closes them.

    Raises:
        OSError: a port was free and is so no longer. Nothing is open then.
    """
    ports = {channel: _free_port() for channel in ("http", *OVER_TCP, *OVER_UDP)}
    made = PrivateListeners(ports)
    loop = asyncio.get_running_loop()
    async with contextlib.AsyncExitStack() as stack:
        for address in ADDRESSES:
            for channel in ("http", *OVER_TCP):
                visited = functools.partial(_visited, made, channel, address)
                server = await asyncio.start_server(visited, address, ports[channel])
                stack.callback(server.close)
            for channel in OVER_UDP:
                transport, _ = await loop.create_datagram_endpoint(
                    functools.partial(_Udp, made, channel, address), sock=_bound(address, ports[channel])
                )
                stack.callback(transport.close)
        outer.push_async_exit(stack.pop_all())
    return made


async def _visited(
    made: PrivateListeners,
    channel: str,
    address: str,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    try:
        if channel != "http":
            made.note(channel, address)
            return
        head = await reader.read(4096)
        named = _PATH.match(head)
        by_name = b"\r\nHost: localhost:" in head
        made.note(
            named[1].decode() if named else "a connection without a name",
            "localhost" if by_name else address,
        )
        writer.write(_ANSWER)
        await writer.drain()
    except ConnectionError:
        return  # Chromium has closed the connection
    finally:
        writer.close()


def _bound(address: str, port: int) -> socket.socket:
    """A UDP socket. If uvloop binds it itself and fails, it leaves it open."""
    bound = socket.socket(_family(address), socket.SOCK_DGRAM)
    try:
        bound.bind((address, port))
    except OSError:
        bound.close()
        raise
    bound.setblocking(False)  # noqa: FBT003 - its only argument
    return bound


def _family(address: str) -> socket.AddressFamily:
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def _free_port() -> int:
    """A port that is free at all of the addresses, for TCP and UDP."""
    while True:
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            port = 0
            for address in ADDRESSES:
                for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                    probe = stack.enter_context(socket.socket(_family(address), kind))
                    probe.bind((address, port))
                    port = probe.getsockname()[1]
            return port
