"""An egress proxy with a fake name server, and a fake dialler that records where it is asked to connect.

No packet leaves this machine: for a public address it connects to 127.0.0.2, where a server of the test
listens. All other addresses must be loopback addresses.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from ipaddress import ip_address

from fleet.egress.policy import AddressPolicy
from fleet.egress.public_addresses import Address, is_public
from tests.kit.patience import PATIENCE_S
from worker.egress.outbound.dial import dial
from worker.egress.outbound.stream import Stream
from worker.egress.port import Port
from worker.egress.proxy import Egress
from worker.egress.terms import Terms
from worker.settings import EgressProxySettings

STAND_IN = "127.0.0.2"
PUBLIC = ip_address("93.184.216.34")
PUBLIC6 = ip_address("2606:2800:220:1::1")
OTHER = ip_address("93.184.216.99")
PRIVATE = ip_address("10.0.0.1")

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class Dns:
    """A fake name server. It gives the answers for a name in turn, then repeats the last one.

    Names without answers do not exist.
    """

    def __init__(self, **answers: Sequence[Sequence[Address]]) -> None:
        self.answers = {"example.com": [[PUBLIC]], **answers}
        self.asked: list[str] = []

    async def __call__(self, host: str) -> Sequence[Address]:
        self.asked.append(host)
        answers = list(self.answers.get(host, [[]]))
        found = answers[min(self.asked.count(host), len(answers)) - 1]
        if not found:
            raise OSError("no such name")
        return found


@dataclass
class Recorder:
    """Connects to the test's server instead of a public address, and records all requested addresses.

    Attributes:
        servers: for a port at a public address, the port of the test's server.
        dead: addresses that refuse connections.
        silent: addresses that never answer.
        dialled: the requested addresses, in order.
    """

    servers: Mapping[int, int] = field(default_factory=dict)
    dead: set[Address] = field(default_factory=set)
    silent: set[Address] = field(default_factory=set)
    dialled: list[tuple[Address, int]] = field(default_factory=list)

    async def __call__(self, address: Address, port: int) -> Stream:
        self.dialled.append((address, port))
        if address in self.dead:
            raise ConnectionRefusedError
        if address in self.silent:
            await asyncio.Event().wait()
        if is_public(address):
            return await dial(ip_address(STAND_IN), self.servers[port])
        assert address.is_loopback, f"{address} would have been dialled"
        return await dial(address, port)


async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A server that sends back what it receives."""
    while data := await reader.read(65_536):
        writer.write(data)
        await writer.drain()


@asynccontextmanager
async def serving(serve: Serve, host: str = STAND_IN) -> AsyncIterator[int]:
    """Run a server; its port. Its connections are closed at the end of the block."""
    open_ends: set[asyncio.StreamWriter] = set()

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_ends.add(writer)
        # Many tests close the other end of the connection.
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await serve(reader, writer)
        writer.close()

    server = await asyncio.start_server(one, host, 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for end in open_ends:
            end.transport.abort()
        await server.wait_closed()


@asynccontextmanager
async def egress(
    dns: Dns | None = None,
    dialer: Recorder | None = None,
    *,
    forbidden_ports: Sequence[int] = (),
    **settings: object,
) -> AsyncIterator[Egress]:
    """A proxy that has started."""
    made = Egress(
        dns or Dns(),
        EgressProxySettings.model_validate(settings),
        forbidden_ports=forbidden_ports,
        dialer=dialer or Recorder(),
    )
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


async def opened(proxy: Egress, terms: Terms | None = None) -> Port:
    """An admitted port of the proxy, with these terms or for the whole public internet."""
    port = await proxy.open_port()
    port.admit(terms or Terms(AddressPolicy()))
    return port


class Client:
    """A client of a port."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def connect(cls, port: int) -> "Client":
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def head(self) -> bytes:
        async with asyncio.timeout(PATIENCE_S):
            return await self.reader.readuntil(b"\r\n\r\n")

    async def exactly(self, count: int) -> bytes:
        async with asyncio.timeout(PATIENCE_S):
            return await self.reader.readexactly(count)

    async def rest(self) -> bytes:
        """All bytes until the connection is closed or reset."""
        found = b""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                try:
                    data = await self.reader.read(65_536)
                except ConnectionError:
                    return found
                if not data:
                    return found
                found += data

    async def until_reset(self) -> int:
        """Read until the connection is reset; how many bytes arrived. A normal close is an error."""
        count = 0
        async with asyncio.timeout(PATIENCE_S):
            with contextlib.suppress(ConnectionResetError):
                while data := await self.reader.read(65_536):
                    count += len(data)
                raise AssertionError("the connection was closed, not reset")
        return count

    def close(self) -> None:
        self.writer.transport.abort()


async def ask(port: Port, request: bytes) -> bytes:
    """Send one request on a connection of its own; the whole answer."""
    client = await Client.connect(port.number)
    await client.send(request)
    answer = await client.rest()
    client.close()
    return answer


async def tunnel(port: Port, authority: str) -> tuple[Client, int]:
    """Send CONNECT; the client, and the status of the answer."""
    client = await Client.connect(port.number)
    await client.send(f"CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n\r\n".encode())
    return client, int((await client.head()).split(b" ")[1])


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - the condition causes no event
            await asyncio.sleep(0.01)


async def status_of(port: Port, authority: str) -> int:
    """Send CONNECT and close the connection; the status of the answer."""
    client, status = await tunnel(port, authority)
    client.close()
    return status


def get(url: str, *fields: str) -> bytes:
    """A GET as Chromium sends it to a proxy."""
    host = url.removeprefix("http://").partition("/")[0]
    return "\r\n".join((f"GET {url} HTTP/1.1", f"Host: {host}", *fields, "", "")).encode()
