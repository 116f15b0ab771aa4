"""Listeners on loopback addresses that no page may reach, which note whoever comes, and by which channel.

127.0.0.2 stands for a public address (the page's own server, tests/kit/security/channels.py); these stand for
what lies behind the wall. Channels that speak HTTP share a port and are told apart by their path; each of the
others has a port of its own. Traffic stays on this machine.
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
# Channels that are known by their port.
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
class Canaries:
    """Who came so far.

    Attributes:
        ports: of a channel, by its name; `http` is the one that the others share. The same at each address.
        hits: the addresses that each channel has reached.
    """

    ports: dict[str, int]
    hits: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    _changed: asyncio.Event = field(default_factory=asyncio.Event)

    def note(self, channel: str, address: str) -> None:
        """Somebody came."""
        self.hits[channel].add(address)
        self._changed.set()

    async def until(self, channels: set[str], timeout_s: float, *, everywhere: bool = False) -> None:
        """Return when all these channels have come through, or when the time is over.

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
        """Return when whoever came before now has been noted: visitors are served in the order they came."""
        for address in ADDRESSES:
            _, writer = await asyncio.open_connection(address, self.ports["http"])
            writer.write(b"GET /settled HTTP/1.1\r\n\r\n")
            await self.until({"settled"}, _SETTLE_S)
            writer.close()
            del self.hits["settled"]


class _Udp(asyncio.DatagramProtocol):
    def __init__(self, canaries: Canaries, channel: str, address: str) -> None:
        self._canaries, self._channel, self._address = canaries, channel, address

    def datagram_received(self, data: bytes, addr: object) -> None:  # noqa: ARG002 - whatever it says
        self._canaries.note(self._channel, self._address)


@asynccontextmanager
async def canaries() -> AsyncIterator[Canaries]:
    """Open all of them; closed when the block ends."""
    ports = {channel: _free_port() for channel in ("http", *OVER_TCP, *OVER_UDP)}
    made = Canaries(ports)
    loop = asyncio.get_running_loop()
    async with contextlib.AsyncExitStack() as stack:
        for address in ADDRESSES:
            for channel in ("http", *OVER_TCP):
                visited = functools.partial(_visited, made, channel, address)
                server = await asyncio.start_server(visited, address, ports[channel])
                stack.callback(server.close)
            for channel in OVER_UDP:
                transport, _ = await loop.create_datagram_endpoint(
                    functools.partial(_Udp, made, channel, address), local_addr=(address, ports[channel])
                )
                stack.callback(transport.close)
        yield made


async def _visited(
    made: Canaries,
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
        return  # Chromium has what it wants, or does not want it any more
    finally:
        writer.close()


def _free_port() -> int:
    """A port that is free at all of the addresses, for TCP and UDP."""
    while True:
        with contextlib.ExitStack() as stack, contextlib.suppress(OSError):
            port = 0
            for address in ADDRESSES:
                family = socket.AF_INET6 if ":" in address else socket.AF_INET
                for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                    probe = stack.enter_context(socket.socket(family, kind))
                    probe.bind((address, port))
                    port = probe.getsockname()[1]
            return port
