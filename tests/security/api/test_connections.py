"""What arrives at the API's socket: limits of a connection, and requests that could be read in two ways."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from api.http.problems import MEDIA_TYPE
from fleet.artifacts.store import Artifacts
from fleet.database import Database
from fleet.errors import ErrorType
from tests.integration.api.conftest import Api, Serve
from tests.kit.api.calls import enqueue, succeed, until
from tests.kit.patience import PATIENCE_S

HOST = b"Host: localhost\r\n"


@dataclass(frozen=True)
class Line:
    """A socket to the API, and what comes back."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        """The next answer: status, headers by lower-case name, body."""
        async with asyncio.timeout(PATIENCE_S):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
            status, *fields = head.removesuffix("\r\n\r\n").split("\r\n")
            headers = {name.lower(): value for name, _, value in (field.partition(": ") for field in fields)}
            body = await self.reader.readexactly(int(headers.get("content-length", "0")))
        return int(status.split(" ")[1]), headers, body

    async def refused(self, status: int, type_: ErrorType, case: str = "") -> None:
        """Expect this problem document, and then the connection's end."""
        found, headers, body = await self.answer()
        document = json.loads(body)
        assert (found, document["type"], headers["connection"]) == (status, type_, "close"), case
        assert headers["x-content-type-options"] == "nosniff"
        assert document["request_id"] == headers["x-request-id"]
        await self.ended()

    async def ended(self) -> None:
        """Wait for the end of the connection, after which nothing more has come."""
        async with asyncio.timeout(PATIENCE_S):
            try:
                assert await self.reader.read() == b""
            except ConnectionResetError:
                return


@asynccontextmanager
async def line(api: Api) -> AsyncIterator[Line]:
    reader, writer = await asyncio.open_connection("127.0.0.1", api.port)
    try:
        yield Line(reader, writer)
    finally:
        writer.transport.abort()


def get(path: str = "/livez", fields: bytes = b"") -> bytes:
    return f"GET {path} HTTP/1.1\r\n".encode() + HOST + fields + b"\r\n"


CHUNKED = b"Transfer-Encoding: chunked\r\n"
UPGRADE = b"Upgrade: h2c\r\nConnection: Upgrade\r\n"
AMBIGUOUS = {
    "two different lengths": (b"POST", b"Content-Length: 4\r\nContent-Length: 5\r\n", b"abcde"),
    "the same length twice": (b"POST", b"Content-Length: 4\r\nContent-Length: 4\r\n", b"abcd"),
    "a list of lengths": (b"POST", b"Content-Length: 4, 4\r\n", b"abcd"),
    "a length and chunks": (b"POST", b"Content-Length: 4\r\n" + CHUNKED, b"0\r\n\r\n"),
    "chunks and a length": (b"POST", CHUNKED + b"Content-Length: 4\r\n", b"0\r\n\r\n"),
    "a signed length": (b"POST", b"Content-Length: +4\r\n", b"abcd"),
    "a length that is none": (b"POST", b"Content-Length: 0x4\r\n", b"abcd"),
    "an enormous length": (b"POST", b"Content-Length: 99999999999999999999\r\n", b"abcd"),
    "an unknown coding": (b"POST", b"Transfer-Encoding: xchunked\r\n", b"0\r\n\r\n"),
    "chunked not last": (b"POST", b"Transfer-Encoding: chunked, identity\r\n", b"0\r\n\r\n"),
    "a space before the colon": (b"GET", b"Content-Length : 4\r\n", b"abcd"),
    "a folded line": (b"GET", b"X-A: b\r\n c: d\r\n", b""),
    "a header without a colon": (b"GET", b"Content-Length\r\n", b""),
    "a zero byte": (b"GET", b"X-A: b\0c\r\n", b""),
    "a bare carriage return": (b"GET", b"X-A: b\rX-C: d\r\n", b""),
    "a bare line feed": (b"GET", b"X-A: b\nX-C: d\r\n", b""),
    "a chunk that is longer than it says": (b"POST", CHUNKED, b"1\r\nabc\r\n0\r\n\r\n"),
    "a chunk size that is none": (b"POST", CHUNKED, b"zz\r\n\r\n"),
    "another protocol and a length": (b"POST", UPGRADE + b"Content-Length: 4\r\n", b"abcd"),
    "another protocol and chunks": (b"POST", UPGRADE + CHUNKED, b"1\r\na\r\n0\r\n\r\n"),
    "trailers": (b"POST", CHUNKED, b"0\r\nX-Forwarded-For: 127.0.0.1\r\n\r\n"),
}


async def test_a_request_whose_end_is_ambiguous_is_refused_with_all_that_follows(api: Api) -> None:
    for name, (method, fields, body) in AMBIGUOUS.items():
        async with line(api) as caller:
            caller.send(method + b" /livez HTTP/1.1\r\n" + HOST + fields + b"\r\n" + body + get("/readyz"))
            await caller.refused(400, ErrorType.MALFORMED_REQUEST, name)


async def test_a_body_behind_a_wish_for_another_protocol_is_never_a_request(api: Api) -> None:
    hidden = get("/readyz")
    async with line(api) as caller:
        head = UPGRADE + f"Content-Length: {len(hidden)}\r\n".encode()
        caller.send(b"POST /livez HTTP/1.1\r\n" + HOST + head + b"\r\n")
        await caller.refused(400, ErrorType.MALFORMED_REQUEST)


async def test_what_follows_a_wish_for_another_protocol_is_not_left_without_an_answer(api: Api) -> None:
    async with line(api) as caller:
        caller.send(get(fields=UPGRADE) + get())
        status, headers, _ = await caller.answer()
        assert (status, headers["connection"]) == (200, "close")
        await caller.ended()


UNREADABLE = {
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # a TLS handshake
    "no version": b"GET /livez\r\n\r\n",
    "an old version": b"GET /livez HTTP/0.9\r\n" + HOST + b"\r\n",
    "a later version": b"GET /livez HTTP/2.0\r\n" + HOST + b"\r\n",
    "HTTP/2 without asking": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a tunnel": b"CONNECT localhost:80 HTTP/1.1\r\n" + HOST + b"\r\n",
    "another host in the target": b"GET http://evil.example/livez HTTP/1.1\r\n" + HOST + b"\r\n",
    "a user in the target": b"GET http://localhost@evil.example/ HTTP/1.1\r\n" + HOST + b"\r\n",
    "another scheme": b"GET gopher://localhost/livez HTTP/1.1\r\n" + HOST + b"\r\n",
    "no host": b"GET /docs HTTP/1.1\r\n\r\n",
    "two hosts": b"GET /docs HTTP/1.1\r\n" + HOST + HOST + b"\r\n",
    "an empty host": b"GET /docs HTTP/1.1\r\nHost: \r\n\r\n",
    "no host's name": b"GET /docs HTTP/1.1\r\nHost: local host\r\n\r\n",
    "a host with a user": b"GET /docs HTTP/1.1\r\nHost: a@localhost\r\n\r\n",
}


async def test_what_cannot_be_read_is_answered_in_our_words(api: Api) -> None:
    for name, data in UNREADABLE.items():
        async with line(api) as caller:
            caller.send(data)
            status, headers, body = await caller.answer()
            document = json.loads(body)
            assert (status, document["type"]) == (400, ErrorType.MALFORMED_REQUEST), name
            assert headers["content-type"] == MEDIA_TYPE, name


async def test_proper_http_in_other_shapes_is_understood(api: Api) -> None:
    for data in (
        get(),
        b"\r\n" + get(),
        b"GET http://localhost/livez HTTP/1.1\r\n" + HOST + b"\r\n",
        b"GET /livez HTTP/1.0\r\n\r\n",
        get(fields=b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"),
        get(fields=b"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAAA\r\n"),
        get(fields=b"Content-Length: 4\r\n") + b"abcd",
        get(fields=CHUNKED) + b"1;name=value\r\na\r\n0\r\n\r\n",
    ):
        async with line(api) as caller:
            caller.send(data)
            status, headers, body = await caller.answer()
            assert (status, json.loads(body)) == (200, {"status": "alive"}), data
            assert "server" not in headers
            assert "date" in headers


async def test_methods_that_nobody_needs_are_refused(api: Api) -> None:
    for method in (b"TRACE", b"OPTIONS", b"PROPFIND", b"PURGE"):
        async with line(api) as caller:
            caller.send(method + b" /livez HTTP/1.1\r\n" + HOST + b"X-Secret: marker\r\n\r\n")
            status, headers, body = await caller.answer()
            assert (status, headers["allow"]) == (405, "GET, HEAD"), method
            assert b"marker" not in body


async def test_a_few_requests_may_be_sent_ahead(api: Api) -> None:
    async with line(api) as caller:
        caller.send(get() * 10)
        assert [(await caller.answer())[0] for _ in range(10)] == [200] * 10


async def test_a_flood_of_requests_sent_ahead_is_cut_off(api: Api) -> None:
    async with line(api) as caller:
        caller.send(get() * 100)
        await caller.ended()


LONG = {
    "a field": get(fields=b"X-Long: " + b"a" * 1100 + b"\r\n"),
    "an address": get(path="/livez?" + "a" * 1100),
    "many fields": get(fields=b"X-A: b\r\n" * 101),
    "an endless field": b"GET /livez HTTP/1.1\r\nX-Endless: " + b"a" * 2000,
    "an endless address": b"GET /" + b"a" * 2000,
    "an endless chunk extension": get(fields=CHUNKED) + b"1;" + b"a" * 2000,
    "an endless trailer": get(fields=CHUNKED) + b"1\r\na\r\n0\r\nX-Trailer: " + b"a" * 3000,
}


async def test_what_is_no_body_is_bounded(serve: Serve) -> None:
    async with serve(API_MAX_HEAD_BYTES=1024) as api:
        for name, head in LONG.items():
            async with line(api) as caller:
                caller.send(head)
                await caller.refused(431, ErrorType.HEAD_TOO_LARGE, name)


SLOW = {
    "says nothing": (b"", b""),
    "sends empty lines": (b"", b"\r\n"),
    "never ends its head": (b"GET /livez HTTP/1.1\r\nX-A: ", b"a"),
    "never ends another head": (get() + b"GET /", b"a"),
    "never ends a body that nobody reads": (get(fields=b"Content-Length: 100\r\n"), b"a"),
}


async def test_a_caller_who_takes_its_time_is_cut_off(serve: Serve) -> None:
    async with serve(API_HEAD_TIMEOUT_S=0.4) as api, AsyncExitStack() as stack:
        for name, (head, more) in SLOW.items():
            caller = await stack.enter_async_context(line(api))
            caller.send(head)
            if head.startswith(get()[:20]) and not head.endswith(b"X-A: "):
                assert (await caller.answer())[0] == 200, name
            stack.callback(asyncio.create_task(trickle(caller, more)).cancel)
            await caller.ended()


async def trickle(caller: Line, data: bytes) -> None:
    """Something now and then, so that the connection is never silent for as long as an idle one may be."""
    while True:
        await asyncio.sleep(0.1)  # the caller's pace is what is tried
        caller.send(data)


async def test_a_caller_who_does_not_read_is_cut_off(
    serve: Serve, tenant_key: str, database: Database, artifacts: Artifacts, tmp_path: Path
) -> None:
    async with serve(API_SEND_TIMEOUT_S=0.3) as api:
        job = await enqueue(api.client)
        await succeed(database, artifacts, tmp_path, job["id"])
        async with line(api) as caller:
            socket_ = caller.writer.get_extra_info("socket")
            socket_.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            caller.writer.transport.pause_reading()  # type: ignore[attr-defined] # it is a socket's transport
            path = f"{job['links']['self']}/artifact?proxy=true"
            key = f"Authorization: Bearer {tenant_key}\r\n".encode()
            # More than the kernel's buffers hold.
            caller.send(get(path, key) * 16)
            await until(lambda: any(connection.flow.write_paused for connection in busy(api)))
            await until(lambda: not busy(api))


def busy(api: Api) -> list[Any]:
    """Connections on which an answer is under way."""
    connections: set[Any] = api.server.server_state.connections
    return [one for one in connections if one.cycle is not None and not one.cycle.response_complete]


async def test_connections_beyond_the_limit_are_told_so(serve: Serve) -> None:
    async with serve(API_MAX_CONNECTIONS=3) as api, line(api) as first, line(api), line(api) as third:
        await third.refused(503, ErrorType.TOO_MANY_CONNECTIONS)
        first.send(get())
        assert (await first.answer())[0] == 200
