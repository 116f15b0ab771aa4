"""Proxies of tenants: HTTP and SOCKS5, with and without passwords, and where they may be."""

import asyncio
import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import structlog

from fleet.egress.hosts import HostPatterns
from fleet.egress.networks import split_network
from fleet.egress.policy import AddressPolicy, Rule
from fleet.egress.request_patterns import RequestPatterns
from fleet.render.options.identity import ProxyScheme
from tests.kit.patience import PATIENCE_S
from tests.kit.stages.egress_stage import (
    PRIVATE,
    PUBLIC,
    Dns,
    Recorder,
    ask,
    egress,
    get,
    opened,
    serving,
    status_of,
    tunnel,
)
from worker.blocking.sieve import Sieve, Wishes
from worker.egress.outbound.own_ports import DEVTOOLS_PORTS
from worker.egress.outbound.tenant_proxy import NO_PROXY, WRONG_CREDENTIALS
from worker.egress.port import Port
from worker.egress.terms import Terms, Unwanted, Upstream
from worker.egress.verdicts import ConnectionOutcome, Verdict

SECRET = "correct-horse"
HTTP, SOCKS5 = ProxyScheme.HTTP, ProxyScheme.SOCKS5
HOST = "proxy.example.net"


class HttpProxy:
    """A tenant's HTTP proxy: asks for a password, answers in the target's place."""

    def __init__(self, refusal: int = 0) -> None:
        self.refusal = refusal
        self.heads: list[bytes] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.heads.append(head)
        wanted = b"Proxy-Authorization: Basic " + base64.b64encode(f"user:{SECRET}".encode()) + b"\r\n"
        if wanted not in head:
            writer.write(b"HTTP/1.1 407 No\r\nProxy-Authenticate: Basic\r\nContent-Length: 0\r\n\r\n")
        elif self.refusal:
            writer.write(f"HTTP/1.1 {self.refusal} No\r\n\r\n".encode())
        elif head.startswith(b"CONNECT "):
            writer.write(b"HTTP/1.1 200 OK\r\nX: y\r\n\r\nhello")
            await writer.drain()
            writer.write(await reader.read(100))
        else:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nplain")
        await writer.drain()


class SocksProxy:
    """The same for SOCKS5 (RFC 1928)."""

    def __init__(self, reply: int = 0, *, asks: bool = True) -> None:
        self.reply = reply
        self.asks = asks
        self.targets: list[bytes] = []

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        version, count = await reader.readexactly(2)
        methods = await reader.readexactly(count)
        assert version == 5
        if self.asks and 2 not in methods:
            writer.write(b"\x05\xff")
            return
        writer.write(b"\x05\x02" if self.asks else b"\x05\x00")
        if self.asks:
            _, length = await reader.readexactly(2)
            user = await reader.readexactly(length)
            password = await reader.readexactly((await reader.readexactly(1))[0])
            good = (user, password) == (b"user", SECRET.encode())
            writer.write(b"\x01\x00" if good else b"\x01\x01")
            if not good:
                return
        version, command, _, kind = await reader.readexactly(4)
        assert (version, command) == (5, 1)
        length = {1: 4, 4: 16}.get(kind) or (await reader.readexactly(1))[0]
        self.targets.append(bytes((kind,)) + await reader.readexactly(length + 2))
        writer.write(bytes((5, self.reply, 0, 3, 4)) + b"exit" + b"\x00\x50")
        if self.reply == 0:
            writer.write(await reader.read(100))
        await writer.drain()


@asynccontextmanager
async def through(
    proxy: HttpProxy | SocksProxy,
    *,
    password: str = SECRET,
    policy: AddressPolicy | None = None,
    unwanted: Unwanted | None = None,
    answers: Dns | None = None,
    port: int = 3128,
) -> AsyncIterator[tuple[Port, Recorder, Dns]]:
    scheme = HTTP if isinstance(proxy, HttpProxy) else SOCKS5
    dns = answers or Dns(**{HOST: [[PUBLIC]]})
    async with serving(proxy) as server:
        recorder = Recorder({3128: server, 80: server})
        async with egress(dns, recorder, egress_connect_timeout_s=0.5) as made:
            username = "user" if password else ""
            terms = Terms(
                policy or AddressPolicy(),
                unwanted,
                Upstream(scheme, HOST, port, username, password),
            )
            yield await opened(made, terms), recorder, dns


async def test_a_tunnel_through_an_http_proxy_names_the_target_and_resolves_only_the_proxy() -> None:
    proxy = HttpProxy()
    async with through(proxy) as (port, recorder, dns):
        client, status = await tunnel(port, "t.example.org:443")
        assert status == 200
        assert await client.exactly(5) == b"hello"
        await client.send(b"ping")
        assert await client.exactly(4) == b"ping"
        client.close()
    assert proxy.heads[0].startswith(b"CONNECT t.example.org:443 HTTP/1.1\r\nHost: t.example.org:443\r\n")
    assert dns.asked == [HOST]
    assert recorder.dialled == [(PUBLIC, 3128)]


async def test_a_plain_request_reaches_an_http_proxy_whole_and_the_target_never_sees_the_password() -> None:
    proxy = HttpProxy()
    async with through(proxy) as (port, _, _):
        answer = await ask(port, get("http://t.example.org/x?y", "Proxy-Authorization: Basic page", "A: b"))
    assert answer == b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nplain"
    assert proxy.heads[0].startswith(
        b"GET http://t.example.org/x?y HTTP/1.1\r\nHost: t.example.org\r\nA: b\r\n"
    )
    assert b"page" not in proxy.heads[0]


@pytest.mark.parametrize(
    ("authority", "target"),
    [
        ("t.example.org:443", b"\x03t.example.org\x01\xbb"),
        ("93.184.216.34:80", b"\x01\x5d\xb8\xd8\x22\x00\x50"),
        ("[2606:2800:220:1::1]:443", b"\x04\x26\x06\x28\x00\x02\x20\0\x01\0\0\0\0\0\0\0\x01\x01\xbb"),
    ],
)
async def test_socks5_names_the_target_in_its_three_ways(authority: str, target: bytes) -> None:
    proxy = SocksProxy()
    async with through(proxy) as (port, recorder, dns):
        client, status = await tunnel(port, authority)
        assert status == 200
        await client.send(b"ping")
        assert await client.exactly(4) == b"ping"
        client.close()
    assert proxy.targets == [target]
    assert dns.asked == [HOST]
    assert recorder.dialled == [(PUBLIC, 3128)]


async def test_a_socks5_proxy_that_asks_for_nothing_is_told_nothing() -> None:
    async with through(SocksProxy(asks=False), password="") as (port, _, _):
        assert await status_of(port, "t.example.org:443") == 200


@pytest.mark.parametrize(
    ("proxy", "password", "verdict"),
    [
        (HttpProxy(), "wrong", Verdict(ConnectionOutcome.PROXY_REFUSED, detail=WRONG_CREDENTIALS)),
        (HttpProxy(), "", Verdict(ConnectionOutcome.PROXY_REFUSED, detail=WRONG_CREDENTIALS)),
        (HttpProxy(403), SECRET, Verdict(ConnectionOutcome.PROXY_REFUSED, detail="The proxy answered 403.")),
        (HttpProxy(503), SECRET, Verdict(ConnectionOutcome.FAILED, detail="The proxy answered 503.")),
        (SocksProxy(), "wrong", Verdict(ConnectionOutcome.PROXY_REFUSED, detail=WRONG_CREDENTIALS)),
        (SocksProxy(), "", Verdict(ConnectionOutcome.PROXY_REFUSED, detail=WRONG_CREDENTIALS)),
        (
            SocksProxy(2),
            SECRET,
            Verdict(ConnectionOutcome.PROXY_REFUSED, detail="The proxy does not allow this connection."),
        ),
        (
            SocksProxy(5),
            SECRET,
            Verdict(ConnectionOutcome.FAILED, detail="The host refused the proxy's connection."),
        ),
        (SocksProxy(200), SECRET, Verdict(ConnectionOutcome.PROXY_REFUSED, detail="The proxy failed.")),
    ],
)
async def test_what_a_proxy_refuses_is_told_without_the_password(
    proxy: HttpProxy | SocksProxy, password: str, verdict: Verdict
) -> None:
    with structlog.testing.capture_logs() as lines:
        async with through(proxy, password=password) as (port, _, _):
            status = await status_of(port, "t.example.org:443")
            assert port.verdict("t.example.org", 443) == verdict
    assert status in {502, 504}
    assert SECRET not in repr(lines) + repr(verdict)


async def test_the_plain_requests_of_a_page_learn_of_a_wrong_password_too() -> None:
    async with through(HttpProxy(), password="wrong") as (port, _, _):
        assert await ask(port, get("http://t.example.org/")) == b""
        assert port.verdict("t.example.org", 80) == Verdict(
            ConnectionOutcome.PROXY_REFUSED, detail=WRONG_CREDENTIALS
        )


@pytest.mark.parametrize("greeting", [b"SSH-2.0-OpenSSH_9.2\r\n", b"\x15\x03\x01\x00\x02", b"220 mail\r\n"])
@pytest.mark.parametrize("scheme", [HTTP, SOCKS5])
async def test_what_speaks_another_protocol_is_no_proxy_at_once(scheme: ProxyScheme, greeting: bytes) -> None:
    """It waits for what no client of a proxy says; a request in a tunnel and a plain one learn it."""

    async def another(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        await reader.read()

    async with (
        serving(another) as server,
        egress(Dns(**{HOST: [[PUBLIC]]}), Recorder({3128: server}), egress_connect_timeout_s=60) as made,
    ):
        terms = Terms(AddressPolicy(), upstream=Upstream(scheme, HOST, 3128, greeting_s=PATIENCE_S))
        port = await opened(made, terms)
        assert await status_of(port, "t.example.org:443") == 502
        assert await ask(port, get("http://t.example.org/")) == b""
        # After its time it would be another verdict.
        for number in (443, 80):
            assert port.verdict("t.example.org", number) == Verdict(
                ConnectionOutcome.PROXY_FAILED, detail=NO_PROXY
            )


async def test_a_socks5_proxy_that_does_not_greet_is_none() -> None:
    """It needs nobody for that: no time of a target is waited."""

    async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with (
        serving(silent) as server,
        egress(Dns(**{HOST: [[PUBLIC]]}), Recorder({3128: server}), egress_connect_timeout_s=60) as made,
    ):
        upstream = Upstream(SOCKS5, HOST, 3128, greeting_s=0.1)
        port = await opened(made, Terms(AddressPolicy(), upstream=upstream))
        assert await status_of(port, "t.example.org:443") == 502
        # After a target's time it would be another verdict.
        verdict = port.verdict("t.example.org", 443)
        assert verdict == Verdict(ConnectionOutcome.PROXY_FAILED, detail=NO_PROXY)


async def test_what_is_no_proxy_or_says_nothing_is_told_apart() -> None:
    async def web_server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"<html>")

    async def silent(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()

    for serve, detail in ((web_server, NO_PROXY), (silent, "The proxy does not answer.")):
        for scheme in (HTTP, SOCKS5):
            async with (
                serving(serve) as server,
                egress(
                    Dns(**{HOST: [[PUBLIC]]}), Recorder({3128: server}), egress_connect_timeout_s=0.2
                ) as made,
            ):
                port = await opened(
                    made, Terms(AddressPolicy(), upstream=Upstream(scheme, HOST, 3128, "u", "p"))
                )
                assert await status_of(port, "t.example.org:443") == 502
                assert port.verdict("t.example.org", 443) == Verdict(
                    ConnectionOutcome.PROXY_FAILED, detail=detail
                )


@pytest.mark.parametrize(
    ("answers", "port_number", "rule"),
    [([[PRIVATE]], 3128, Rule.HOST), ([[PUBLIC, PRIVATE]], 3128, Rule.HOST), ([[PUBLIC]], 25, Rule.PORT)],
)
async def test_a_proxy_is_judged_like_a_target(
    answers: list[list[object]], port_number: int, rule: Rule
) -> None:
    dns = Dns(**{HOST: answers})  # type: ignore[arg-type]
    async with through(HttpProxy(), answers=dns, port=port_number) as (port, recorder, _):
        assert await status_of(port, "t.example.org:443") == 502
        verdict = port.verdict("t.example.org", 443)
        assert verdict is not None
        assert (verdict.outcome, verdict.rule) == (ConnectionOutcome.PROXY_FAILED, rule)
    assert recorder.dialled == []


@pytest.mark.parametrize(
    ("authority", "verdict"),
    [
        ("10.0.0.1:80", Verdict(ConnectionOutcome.BLOCKED, Rule.HOST)),
        ("localhost:80", Verdict(ConnectionOutcome.BLOCKED, Rule.HOST)),
        ("metadata.google.internal:80", Verdict(ConnectionOutcome.BLOCKED, Rule.HOST)),
        ("t.example.org:25", Verdict(ConnectionOutcome.BLOCKED, Rule.PORT)),
        ("t.example.org:3128", Verdict(ConnectionOutcome.BLOCKED, Rule.PORT)),
        ("denied.example.org:443", Verdict(ConnectionOutcome.BLOCKED, Rule.DENIED)),
        (
            "ads.example.org:443",
            Verdict(
                ConnectionOutcome.UNWANTED, detail="The page led to an address that is in `block_requests`."
            ),
        ),
    ],
)
async def test_a_proxy_is_not_asked_for_what_may_not_be_reached(authority: str, verdict: Verdict) -> None:
    policy = AddressPolicy(denied_hosts=HostPatterns(("denied.example.org",)))
    unwanted = Sieve(Wishes("", block=RequestPatterns(("ads.example.org",))), lambda _: None)
    async with through(HttpProxy(), policy=policy, unwanted=unwanted) as (
        port,
        recorder,
        dns,
    ):
        assert await status_of(port, authority) == 403
        host, _, number = authority.rpartition(":")
        assert port.verdict(host, int(number)) == verdict
    assert (recorder.dialled, dns.asked) == ([], [])


async def test_a_proxy_is_not_asked_for_the_browsers_controls_where_loopback_is_open() -> None:
    policy = AddressPolicy(allow=(split_network("127.0.0.0/8"),))
    async with through(HttpProxy(), policy=policy) as (port, recorder, _):
        for number in (DEVTOOLS_PORTS[0], port.number):
            assert await status_of(port, f"127.0.0.1:{number}") == 403
    assert recorder.dialled == []


async def test_a_proxy_that_the_operator_has_opened_may_be_private() -> None:
    async with serving(HttpProxy(), "127.0.0.1") as server, egress(dialer=Recorder()) as made:
        policy = AddressPolicy(allow=(split_network(f"127.0.0.1:{server}"),))
        port = await opened(made, Terms(policy, upstream=Upstream(HTTP, "127.0.0.1", server, "user", SECRET)))
        assert await status_of(port, "t.example.org:443") == 200
