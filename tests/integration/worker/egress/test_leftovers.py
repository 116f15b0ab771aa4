"""A thousand pages leave nothing behind: no listening port, no task, no file descriptor."""

import asyncio
import gc

import psutil

from tests.kit.patience import PATIENCE_S
from tests.kit.stages.egress_stage import Client, Recorder, ask, egress, get, opened, serving, tunnel
from worker.egress.inbound.connection import ProxiedConnection
from worker.egress.inbound.pipes import Pipe
from worker.egress.outbound.stream import Stream
from worker.egress.port import Port
from worker.egress.proxy import Egress

PAGES = 1_000


def facts() -> tuple[int, int, int]:
    """Listening sockets, file descriptors, and tasks of this process."""
    process = psutil.Process()
    listening = [one for one in process.net_connections("tcp") if one.status == psutil.CONN_LISTEN]
    return len(listening), process.num_fds(), len(asyncio.all_tasks())


async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    if (await reader.read(1000)).startswith(b"GET"):
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
        await writer.drain()
    else:
        await reader.read()


async def test_a_thousand_pages_leave_nothing_behind() -> None:
    async with serving(serve) as server, egress(dialer=Recorder({80: server, 443: server})) as proxy:
        before = facts()
        for number in range(PAGES):
            await page(proxy, is_thorough=number % 10 == 0)
        await settled(before)
        gc.collect()
        kinds = (ProxiedConnection, Pipe, Port, Stream)
        left = [type(thing) for thing in gc.get_objects() if isinstance(thing, kinds)]
        assert left == [Port]  # the one that refuses


async def page(proxy: Egress, *, is_thorough: bool) -> None:
    """A page that ends with a tunnel open; some also with answered, refused and silent connections."""
    port = await opened(proxy)
    client, _ = await tunnel(port, "example.com:443")
    clients = [client]
    if is_thorough:
        assert (await ask(port, get("http://example.com/"))).endswith(b"hi")
        assert await ask(port, get("http://10.0.0.1/")) == b""
        clients.append(await Client.connect(port.number))
    await port.close()
    for client in clients:
        client.close()


async def settled(wanted: tuple[int, int, int]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while facts() != wanted:  # noqa: ASYNC110 - the other ends close when they notice, and tell nobody
            await asyncio.sleep(0.05)
