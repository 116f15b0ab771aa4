"""What the egress proxy lets through and what it refuses; sockets are real, the name server is made up."""

import asyncio
from ipaddress import ip_address

import pytest

from fleet.egress.networks import split_network
from fleet.egress.policy import AddressPolicy, Rule
from fleet.egress.request_patterns import RequestPatterns
from tests.kit.stages.egress_stage import (
    PRIVATE,
    PUBLIC,
    PUBLIC6,
    STAND_IN,
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
from worker.blocking.sieve import Sieve, Wishes
from worker.egress.outbound.own_ports import DEVTOOLS_PORTS
from worker.egress.terms import Terms
from worker.egress.verdicts import ConnectionOutcome, Verdict

LOOPBACK = AddressPolicy(allow=(split_network("127.0.0.0/8"), split_network("::1")))


class Target:
    """Answers each connection once, and remembers what it was sent: a body is one of 4 bytes."""

    def __init__(self, answer: bytes = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi") -> None:
        self.answer = answer
        self.heads: list[bytes] = []
        self.bodies: list[bytes] = []
        self.served = 0

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(self.answer)
        await writer.drain()
        try:
            if b"Content-Length" in self.heads[-1]:
                self.bodies.append(await reader.readexactly(4))
            writer.write_eof()
            self.bodies.append(await reader.read())
        finally:
            self.served += 1


async def test_a_tunnel_passes_bytes_as_they_are() -> None:
    async with serving(echo) as server, egress(dialer=(recorder := Recorder({443: server}))) as proxy:
        port = await opened(proxy)
        client, status = await tunnel(port, "example.com:443")
        assert status == 200
        await client.send(bytes(range(256)))
        assert await client.exactly(256) == bytes(range(256))
        client.close()
        assert recorder.dialled == [(PUBLIC, 443)]
        assert port.verdict("example.com", 443) == Verdict(ConnectionOutcome.CONNECTED)
        assert (port.record.bytes_up, port.record.bytes_down) == (256, 256)


async def test_a_plain_request_is_written_anew_and_its_connection_used_once() -> None:
    target = Target(
        b"HTTP/1.1 200 OK\r\nConnection: keep-alive, x-hop\r\nX-Hop: 1\r\nKeep-Alive: 5\r\nA: b\r\n\r\nhi"
    )
    async with serving(target) as server, egress(dialer=Recorder({80: server})) as proxy:
        answer = await ask(
            await opened(proxy),
            get(
                "http://example.com/a?b=c",
                "Proxy-Connection: keep-alive",
                "Proxy-Authorization: Basic secret",
                "Connection: Upgrade, X-Mine",
                "Upgrade: websocket",
                "X-Mine: 1",
                "Cookie: k=\u00e4",
            ),
        )
        assert answer == b"HTTP/1.1 200 OK\r\nConnection: close\r\nA: b\r\n\r\nhi"
        assert target.heads == [
            b"GET /a?b=c HTTP/1.1\r\nHost: example.com\r\nCookie: k=\xc3\xa4\r\nConnection: close\r\n\r\n"
        ]


async def test_the_host_that_a_target_is_told_is_the_one_that_was_judged() -> None:
    target = Target()
    async with serving(target) as server, egress(dialer=Recorder({80: server})) as proxy:
        await ask(await opened(proxy), b"GET http://example.com/ HTTP/1.1\r\nHost: 10.0.0.1\r\n\r\n")
    assert target.heads[0].startswith(b"GET / HTTP/1.1\r\nHost: example.com\r\n")


async def test_a_body_passes_and_nothing_behind_it() -> None:
    target = Target()
    async with serving(target) as server, egress(dialer=Recorder({80: server})) as proxy:
        port = await opened(proxy)
        head = b"POST http://example.com/ HTTP/1.1\r\nHost: example.com\r\nContent-Length: 4\r\n\r\n"
        client = await Client.connect(port.number)
        await client.send(head + b"ab")
        await client.head()  # it stands: the rest comes by another way through the code
        await client.send(b"cd")
        await client.rest()
        client.close()
        assert await ask(port, head + b"abcd" + get("http://example.com/second")) == b""
        client = await Client.connect(port.number)
        await client.send(head)
        await client.head()
        await client.send(b"abcd" + get("http://example.com/third"))
        await client.rest()
        client.close()
        await until(lambda: target.served == 2)
    assert target.bodies[0] == b"abcd"
    sent = b"".join(target.heads + target.bodies)
    assert b"second" not in sent
    assert b"third" not in sent


async def test_each_port_refuses_until_it_is_admitted_and_the_refusing_one_always() -> None:
    recorder = Recorder({443: 1, 80: 1})
    async with egress(dialer=recorder) as proxy:
        port = await proxy.open_port()
        assert await status_of(port, "example.com:443") == 403
        refusing = await Client.connect(proxy.refusing_port)
        await refusing.send(get("http://example.com/"))
        assert await refusing.rest() == b""
        refusing.close()
    assert recorder.dialled == []


@pytest.mark.parametrize(
    ("host", "number", "rule"),
    [
        ("10.0.0.1", 80, Rule.HOST),
        ("127.0.0.1", 80, Rule.HOST),
        ("[::1]", 80, Rule.HOST),
        ("[::ffff:127.0.0.1]", 443, Rule.HOST),
        ("169.254.169.254", 80, Rule.HOST),
        ("localhost", 80, Rule.HOST),
        ("intranet", 443, Rule.HOST),
        ("private.example.com", 443, Rule.HOST),
        ("mixed.example.com", 443, Rule.HOST),
        ("mixed6.example.com", 443, Rule.HOST),
        ("example.com", 22, Rule.PORT),
        ("93.184.216.34", 8080, Rule.PORT),
    ],
)
async def test_what_is_not_public_is_refused_in_both_ways_and_never_dialled(
    host: str, number: int, rule: Rule
) -> None:
    dns = Dns(
        **{
            "private.example.com": [[PRIVATE]],
            "mixed.example.com": [[PUBLIC, PRIVATE]],
            "mixed6.example.com": [[PUBLIC, ip_address("::1")]],
        }
    )
    async with egress(dns, recorder := Recorder()) as proxy:
        port = await opened(proxy)
        assert await ask(port, get(f"http://{host}:{number}/")) == b""
        refused = await ask(port, f"CONNECT {host}:{number} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        assert refused.startswith(b"HTTP/1.1 403 ")
        assert b"error=destination_ip_prohibited" in refused
        assert not any(str(address).encode() in refused for address in (PRIVATE, PUBLIC))
        assert port.verdict(host, number) == Verdict(ConnectionOutcome.BLOCKED, rule)
        assert port.record.blocked == {(host.strip("[]"), Verdict(ConnectionOutcome.BLOCKED, rule)): 2}
    assert recorder.dialled == []


async def test_hosts_that_the_job_does_not_want_are_not_even_resolved() -> None:
    dns = Dns(**{"www.example.com": [[PUBLIC]]})
    sieve = Sieve(Wishes("", block=RequestPatterns(("*.ads.example.com", "example.com"))), lambda _: None)
    async with serving(echo) as server, egress(dns, Recorder({443: server})) as proxy:
        port = await opened(proxy, Terms(AddressPolicy(), unwanted=sieve))
        for host in ("example.com", "a.b.ads.example.com", "EXAMPLE.com", "example.com."):
            assert await status_of(port, f"{host}:443") == 403
        assert dns.asked == []
        client, status = await tunnel(port, "www.example.com:443")
        assert status == 200
        client.close()
        assert port.verdict("a.b.ads.example.com", 443) == Verdict(
            ConnectionOutcome.UNWANTED, detail="The page led to an address that is in `block_requests`."
        )
        assert port.verdict("www.example.com", 443) == Verdict(ConnectionOutcome.CONNECTED)


async def test_the_name_that_answers_otherwise_the_second_time_is_not_asked_twice() -> None:
    dns = Dns(**{"rebind.example.com": [[PUBLIC], [ip_address("127.0.0.1")]]})
    async with serving(echo) as server, egress(dns, recorder := Recorder({443: server})) as proxy:
        port = await opened(proxy)
        for _ in range(3):
            client, status = await tunnel(port, "rebind.example.com:443")
            assert status == 200
            client.close()
    assert dns.asked == ["rebind.example.com"]
    assert recorder.dialled == [(PUBLIC, 443)] * 3


async def test_another_port_asks_again_and_judges_what_it_is_told() -> None:
    dns = Dns(**{"rebind.example.com": [[PUBLIC], [ip_address("127.0.0.1")]]})
    async with serving(echo) as server, egress(dns, recorder := Recorder({443: server})) as proxy:
        first, status = await tunnel(await opened(proxy), "rebind.example.com:443")
        assert status == 200
        first.close()
        second = await opened(proxy)
        assert await status_of(second, "rebind.example.com:443") == 403
        assert second.verdict("rebind.example.com", 443) == Verdict(ConnectionOutcome.BLOCKED, Rule.HOST)
    assert recorder.dialled == [(PUBLIC, 443)]


async def test_requests_for_one_name_at_once_share_one_question() -> None:
    dns = Dns()
    async with serving(echo) as server, egress(dns, Recorder({443: server})) as proxy:
        port = await opened(proxy)
        answers = await asyncio.gather(*(tunnel(port, "example.com:443") for _ in range(6)))
        for client, status in answers:
            assert status == 200
            client.close()
    assert dns.asked == ["example.com"]


async def test_a_name_without_address_and_a_target_without_answer_are_told_apart() -> None:
    dead, silent = ip_address("93.184.216.40"), ip_address("93.184.216.41")
    dns = Dns(**{"dead.example.com": [[dead]], "silent.example.com": [[silent]]})
    recorder = Recorder(dead={dead}, silent={silent})
    async with egress(dns, recorder, egress_connect_timeout_s=0.2) as proxy:
        port = await opened(proxy)
        for host, status, outcome in (
            ("nowhere.example.com", 502, ConnectionOutcome.NOT_RESOLVED),
            ("dead.example.com", 502, ConnectionOutcome.FAILED),
            ("silent.example.com", 504, ConnectionOutcome.TIMED_OUT),
        ):
            assert await status_of(port, f"{host}:443") == status
            assert port.verdict(host, 443) == Verdict(outcome)


async def test_the_next_address_is_tried_when_the_first_is_dead_or_slow() -> None:
    dns = Dns(**{"both.example.com": [[PUBLIC6, PUBLIC]]})
    async with serving(echo) as server:
        for trouble in ("dead", "silent"):
            recorder = Recorder({443: server})
            setattr(recorder, trouble, {PUBLIC6})
            async with egress(dns, recorder) as proxy:
                client, status = await tunnel(await opened(proxy), "both.example.com:443")
                assert status == 200
                client.close()
            assert recorder.dialled == [(PUBLIC6, 443), (PUBLIC, 443)]


async def test_the_browsers_and_the_workers_own_ports_are_closed_even_where_loopback_is_open() -> None:
    async with (
        serving(echo, "127.0.0.1") as server,
        serving(echo, "127.0.0.1") as status_port,
        egress(
            Dns(**{"me.example.com": [[ip_address("127.0.0.1")]]}), forbidden_ports=(status_port,)
        ) as proxy,
    ):
        port = await opened(proxy, Terms(LOOPBACK))
        other = await proxy.open_port()
        client, status = await tunnel(port, f"127.0.0.1:{server}")
        assert status == 200
        client.close()
        own = (
            DEVTOOLS_PORTS[0],
            DEVTOOLS_PORTS[-1],
            status_port,
            port.number,
            other.number,
            proxy.refusing_port,
        )
        for number in own:
            for host in ("127.0.0.1", STAND_IN, "[::1]", "me.example.com"):
                assert await status_of(port, f"{host}:{number}") == 403, (host, number)


async def test_a_fault_of_ours_is_an_answer_and_not_a_silence() -> None:
    class Broken(Dns):
        async def __call__(self, host: str) -> list[object]:  # type: ignore[override]
            raise RuntimeError(host)

    async with egress(Broken()) as proxy:
        port = await opened(proxy)
        assert await status_of(port, "example.com:443") == 502
        assert port.verdict("example.com", 443) == Verdict(ConnectionOutcome.UNAVAILABLE)
