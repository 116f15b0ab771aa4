"""Dialling several addresses at once: one connection is kept, and none is left behind."""

import asyncio
import contextlib
from ipaddress import ip_address

from fleet.egress.public_addresses import Address
from worker.egress.outbound.dial import dial, dial_first
from worker.egress.outbound.stream import Stream

LOOPBACK = ip_address("127.0.0.1")
LIMIT_S = 10


async def test_of_two_connections_that_are_made_at_the_same_moment_one_is_closed() -> None:
    ends: asyncio.Queue[None] = asyncio.Queue()

    async def listen(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionResetError):
            await reader.read()
        ends.put_nowait(None)
        writer.close()

    made: list[Stream] = []
    both_are_made = asyncio.Event()

    async def dial_both(address: Address, port: int) -> Stream:
        stream = await dial(address, port)
        made.append(stream)
        if len(made) > 1:
            both_are_made.set()
        await both_are_made.wait()
        return stream

    async with await asyncio.start_server(listen, str(LOOPBACK), 0) as server, asyncio.timeout(LIMIT_S):
        port = server.sockets[0].getsockname()[1]
        kept = await dial_first([LOOPBACK, LOOPBACK], port, dial_both, timeout_s=LIMIT_S)
        await ends.get()
        assert not kept.transport.is_closing()
        assert ends.empty()
        kept.transport.abort()
        await ends.get()
