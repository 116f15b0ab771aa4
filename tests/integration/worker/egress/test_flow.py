"""How bytes pass through the egress proxy, and what happens when there are too many, too few or none."""

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest

from fleet.egress.policy import AddressPolicy
from tests.kit.patience import PATIENCE_S
from tests.kit.stages.egress_stage import (
    PUBLIC6,
    Client,
    Dns,
    Recorder,
    ask,
    echo,
    egress,
    get,
    opened,
    serving,
    status_of,
    tunnel,
    until,
)
from worker.egress.inbound.request_head import MAX_HEAD_BYTES
from worker.egress.terms import Caps, Terms
from worker.egress.verdicts import UNREADABLE, Cap, ConnectionOutcome, Verdict

MEBIBYTE = 1024 * 1024
HINTS = b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n"


def terms(**caps: float) -> Terms:
    return Terms(AddressPolicy(), caps=Caps(**caps))  # type: ignore[arg-type]


def sends(data: bytes) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(data)
        await writer.drain()

    return serve


async def test_each_side_may_end_while_the_other_goes_on() -> None:
    heard: list[bytes] = []

    async def answers_after_the_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heard.append(await reader.read())
        writer.write(b"answer")
        await writer.drain()

    async def ends_and_listens(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"hello")
        writer.write_eof()
        heard.append(await reader.read())

    async with (
        serving(answers_after_the_end) as first,
        serving(ends_and_listens) as second,
        egress(dialer=Recorder({443: first, 80: second})) as proxy,
    ):
        port = await opened(proxy)
        client, _ = await tunnel(port, "example.com:443")
        await client.send(b"question")
        client.writer.write_eof()
        assert await client.rest() == b"answer"
        client.close()
        client, _ = await tunnel(port, "example.com:80")
        assert await client.rest() == b"hello"
        await client.send(b"still here")
        client.writer.write_eof()
        await until(lambda: len(heard) == 2)
        client.close()
    assert heard == [b"question", b"still here"]


async def test_who_reads_slowly_holds_up_the_sender_and_not_the_memory() -> None:
    sent = [0, 0]

    async def floods(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        for _ in range(64):
            writer.write(bytes(MEBIBYTE))
            await writer.drain()
            sent[0] += 1

    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        end: socket.socket = writer.get_extra_info("socket")
        end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        writer.transport.pause_reading()  # type: ignore[attr-defined]
        await reader.read()  # to the end of the test

    async with (
        serving(floods) as first,
        serving(deaf) as second,
        egress(dialer=Recorder({443: first, 80: second})) as proxy,
    ):
        port = await opened(proxy)
        client, _ = await tunnel(port, "example.com:443")
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await client.send(b"x")
        up, _ = await tunnel(port, "example.com:80")

        async def flood() -> None:
            while True:
                await up.send(bytes(MEBIBYTE))
                sent[1] += 1

        flooding = asyncio.create_task(flood())
        before = (-1, -1)
        while before != (now := (port.record.bytes_down, port.record.bytes_up)):
            before = now
            await asyncio.sleep(0.3)  # whether bytes still flow is told by looking twice
        # What the kernel's buffers of the four sockets take: megabytes, but not 64 of them.
        assert max(before) < 40 * MEBIBYTE
        assert max(sent) < 48
        flooding.cancel()
        client.close()
        up.close()


async def test_what_is_over_the_cap_of_bytes_is_cut_and_never_looks_whole() -> None:
    async with (
        serving(sends(bytes(4 * MEBIBYTE))) as server,
        egress(dialer=Recorder({443: server, 80: server})) as proxy,
    ):
        port = await opened(proxy, terms(max_bytes=MEBIBYTE))
        client, _ = await tunnel(port, "example.com:443")
        idle, _ = await tunnel(port, "example.com:443")
        await client.send(b"x")
        got = await client.until_reset()
        assert got < 2 * MEBIBYTE
        assert await idle.rest() == b""  # the page has had its fill, also at its other connections
        assert await status_of(port, "example.com:443") == 403
        assert port.verdict("example.com", 443) == Verdict(ConnectionOutcome.OVER_CAP)
        assert port.record.capped[Cap.BYTES] == 2
        client.close()
        idle.close()


async def test_connections_are_counted_at_once_and_in_total() -> None:
    async with serving(echo) as server, egress(dialer=Recorder({443: server})) as proxy:
        port = await opened(proxy, terms(max_open=2, max_connections=4))
        first, second = [(await tunnel(port, "example.com:443"))[0] for _ in range(2)]
        assert await status_of(port, "example.com:443") == 403
        assert port.record.capped == {Cap.OPEN_CONNECTIONS: 1}
        first.close()
        second.close()
        await until(lambda: not port._connections)  # noqa: SLF001 - nobody else knows
        assert await status_of(port, "example.com:443") == 200
        assert await status_of(port, "example.com:443") == 403
        assert port.record.capped == {Cap.OPEN_CONNECTIONS: 1, Cap.CONNECTIONS: 1}


async def test_clients_that_only_connect_are_not_kept_without_number() -> None:
    async with egress() as proxy:
        port = await opened(proxy, terms(max_open=2))
        clients = [await Client.connect(port.number) for _ in range(80)]
        await until(
            lambda: sum(client.reader.at_eof() or bool(client.reader.exception()) for client in clients) >= 14
        )
        for client in clients:
            client.close()


async def test_after_its_time_a_page_is_cut_off() -> None:
    async with serving(echo) as server, egress(dialer=Recorder({443: server})) as proxy:
        port = await opened(proxy, terms(max_s=0.3))
        client, _ = await tunnel(port, "example.com:443")
        assert await client.rest() == b""
        client.close()
        assert await status_of(port, "example.com:443") == 403
        assert port.record.capped[Cap.TIME] == 2


async def test_a_silent_connection_is_cut_and_one_that_talks_is_not() -> None:
    async with (
        serving(echo) as server,
        egress(dialer=Recorder({443: server}), egress_idle_timeout_s=1) as proxy,
    ):
        port = await opened(proxy)
        silent, _ = await tunnel(port, "example.com:443")
        talking, _ = await tunnel(port, "example.com:443")
        cut = asyncio.create_task(silent.rest())
        while not cut.done():
            await talking.send(b"x")
            await talking.exactly(1)
            await asyncio.sleep(0.1)  # a page that says something now and then
        assert cut.result() == b""
        talking.close()
        silent.close()


@pytest.mark.parametrize(
    "request_",
    [
        b"GET http://example.com/ HTTP/1.1\r\nA: " + b"x" * MAX_HEAD_BYTES,
        b"GET http://" + b"a" * 256 + b"/ HTTP/1.1\r\nHost: x\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n",
        b"GET https://example.com/ HTTP/1.1\r\nHost: example.com\r\n\r\n",
    ],
    ids=["huge", "long host", "TLS", "origin-form", "https in the clear"],
)
async def test_what_is_no_request_of_a_client_of_a_proxy_is_closed_without_a_word(request_: bytes) -> None:
    async with egress(dialer=(recorder := Recorder())) as proxy:
        client = await Client.connect((port := await opened(proxy)).number)
        await client.send(request_)
        assert await client.rest() == b""
        client.close()
        assert port.record.verdicts == {UNREADABLE: Verdict(ConnectionOutcome.MALFORMED)}
    assert recorder.dialled == []


async def test_a_tunnel_that_is_malformed_is_answered_with_400() -> None:
    async with egress(dialer=(recorder := Recorder())) as proxy:
        request = b"CONNECT example.com HTTP/1.1\r\nHost: example.com\r\n\r\n"
        assert (await ask(await opened(proxy), request)).startswith(b"HTTP/1.1 400 ")
    assert recorder.dialled == []


async def test_as_much_of_a_head_as_browsers_take_themselves_passes() -> None:
    async with (
        serving(sends(b"HTTP/1.1 204 No Content\r\n\r\n")) as server,
        egress(dialer=Recorder({80: server})) as proxy,
    ):
        port = await opened(proxy)
        client = await Client.connect(port.number)
        await client.send(get("http://example.com/" + "a" * 120_000, "Cookie: a=" + "b" * 120_000))
        assert (await client.head()).startswith(b"HTTP/1.1 204 ")
        client.close()


async def test_a_head_may_come_in_pieces() -> None:
    async with (
        serving(sends(b"HTTP/1.1 204 No Content\r\n\r\n")) as server,
        egress(dialer=Recorder({80: server})) as proxy,
    ):
        port = await opened(proxy)
        client = await Client.connect(port.number)
        for byte in get("http://example.com/"):
            await client.send(bytes((byte,)))
        assert (await client.rest()).startswith(b"HTTP/1.1 204 ")
        client.close()


@pytest.mark.parametrize(
    ("answer", "begins"),
    [
        (
            b"HTTP/1.1 200 OK\r\nX: y\rConnection: keep-alive\r\nConnection\r\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nConnection: close\r\nX: y Connection: keep-alive\r\n\r\n",
        ),
        (b"HTTP/1.0 200 OK\n\nold", b"HTTP/1.0 200 OK\r\nConnection: close\r\n\r\nold"),
        (
            HINTS + b"HTTP/1.1 200 OK\r\nX: y\r\n z\r\n\r\n",
            HINTS + b"HTTP/1.1 200 OK\r\nConnection: close\r\nX: y\r\n z\r\n\r\n",
        ),
    ],
    ids=["bare CR", "old server", "early hints"],
)
async def test_answers_are_passed_on_when_they_are_some(answer: bytes, begins: bytes) -> None:
    async with serving(sends(answer)) as server, egress(dialer=Recorder({80: server})) as proxy:
        assert (await ask(await opened(proxy), get("http://example.com/"))).startswith(begins)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"SSH-2.0-x\r\n\r\n",
        b"HTTP/1.1 407 x\r\nProxy-Authenticate: Basic\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 60_000,
    ],
    ids=["nothing", "other protocol", "407", "101", "huge head"],
)
async def test_for_an_answer_that_is_none_the_browser_gets_none_either(answer: bytes) -> None:
    async with serving(sends(answer)) as server, egress(dialer=Recorder({80: server})) as proxy:
        port = await opened(proxy)
        assert await ask(port, get("http://example.com/")) == b""
        assert port.verdict("example.com", 80) == Verdict(ConnectionOutcome.FAILED)


async def test_a_target_that_breaks_off_is_passed_on_as_a_break() -> None:
    async def breaks(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nhalf")
        await writer.drain()
        end: socket.socket = writer.get_extra_info("socket")
        end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        writer.transport.abort()

    async with serving(breaks) as server, egress(dialer=Recorder({80: server})) as proxy:
        client = await Client.connect((await opened(proxy)).number)
        await client.send(get("http://example.com/"))
        await client.until_reset()
        client.close()


async def test_closing_a_port_ends_what_is_open_and_what_is_being_opened() -> None:
    dns = Dns(**{"slow.example.com": [[PUBLIC6]]})
    async with (
        serving(echo) as server,
        egress(dns, Recorder({443: server}, silent={PUBLIC6})) as proxy,
    ):
        port = await opened(proxy)
        relayed, _ = await tunnel(port, "example.com:443")
        opening, unasked = [await Client.connect(port.number) for _ in range(2)]
        await opening.send(b"CONNECT slow.example.com:443 HTTP/1.1\r\nHost: x\r\n\r\n")
        await until(lambda: "slow.example.com" in dns.asked)
        async with asyncio.timeout(PATIENCE_S):
            await port.close()
            await port.close()  # a second time does nothing
        for client in (relayed, opening, unasked):
            assert await client.rest() == b""
            client.close()
        with pytest.raises(ConnectionRefusedError):
            await Client.connect(port.number)
