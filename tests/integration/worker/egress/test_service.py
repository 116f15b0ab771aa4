"""The egress service as a process of its own, and a worker's proxy that reaches the world through it."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from fleet.egress.networks import split_network
from fleet.egress.policy import AddressPolicy, Rule
from fleet.render.options.identity import ProxyScheme
from tests.kit.processes import ProductProcess, started
from tests.kit.stages.egress_stage import (
    STAND_IN,
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
from worker.egress.outbound.service_client import MAX_REQUESTS_OF_PAGE
from worker.egress.terms import Terms, Upstream
from worker.egress.verdicts import ConnectionOutcome, Verdict

TOKEN = "a-token-of-this-test"
LOOPBACK = AddressPolicy(allow=(split_network("127.0.0.0/8"),))


@asynccontextmanager
async def service(folder: Path, **settings: str) -> AsyncIterator[tuple[ProductProcess, int]]:
    """The process, and the port where it listens."""
    own = {
        "RENDERFLEET_EGRESS_SERVICE_TOKEN": TOKEN,
        "RENDERFLEET_EGRESS_SERVICE_PORT": "0",
        "RENDERFLEET_EGRESS_ALLOW": STAND_IN,
        "RENDERFLEET_LOG_FORMAT": "json",
    }
    given = {f"RENDERFLEET_{name}": value for name, value in settings.items()}
    log = folder / "egress.log"
    async with started("worker.egress", environment={**os.environ, **own, **given}, log=log) as process:
        await process.logged("egress service ready")
        yield process, next(line["port"] for line in process.lines() if "port" in line)


def url(port: int, token: str = TOKEN, host: str = "127.0.0.1") -> str:
    return f"http://:{token}@{host}:{port}"


async def test_a_page_reaches_its_target_through_both_processes(tmp_path: Path) -> None:
    heads: list[bytes] = []

    async def answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        heads.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")
        await writer.drain()

    dns = Dns()
    async with (
        service(tmp_path) as (process, at),
        serving(echo) as server,
        serving(answers) as site,
        egress(dns, recorder := Recorder(), egress_service_url=url(at)) as proxy,
    ):
        port = await opened(proxy, Terms(LOOPBACK))
        client, status = await tunnel(port, f"{STAND_IN}:{server}")
        assert status == 200
        await client.send(b"ping")
        client.writer.write_eof()
        assert await client.rest() == b"ping"
        client.close()
        assert (await ask(port, get(f"http://{STAND_IN}:{site}/a"))).endswith(b"hi")
        process.send(signal.SIGTERM)
        assert await process.ended() == 0
        assert await status_of(port, f"{STAND_IN}:{server}") == 502
        assert port.verdict(STAND_IN, server) == Verdict(ConnectionOutcome.UNAVAILABLE)
    assert heads[0].startswith(f"GET /a HTTP/1.1\r\nHost: {STAND_IN}:{site}\r\n".encode())
    assert b"Proxy" not in heads[0]
    assert (dns.asked, recorder.dialled) == ([], [])
    assert TOKEN not in process.log.read_text()


async def test_both_judge_and_the_verdict_of_the_service_is_passed_on(tmp_path: Path) -> None:
    async with (
        service(tmp_path) as (_, at),
        serving(echo) as server,
        serving(echo, "127.0.0.1") as elsewhere,
        egress(egress_service_url=url(at)) as proxy,
    ):
        wide = await opened(proxy, Terms(LOOPBACK))
        assert await status_of(wide, f"127.0.0.1:{elsewhere}") == 403
        assert wide.verdict("127.0.0.1", elsewhere) == Verdict(ConnectionOutcome.BLOCKED, Rule.HOST)
        assert await status_of(wide, f"{STAND_IN}:{at}") == 403  # the service itself
        assert await status_of(wide, f"name.invalid:{server}") == 502
        assert wide.verdict("name.invalid", server) == Verdict(ConnectionOutcome.NOT_RESOLVED)
        narrow = await opened(proxy, Terms(AddressPolicy()))
        assert await status_of(narrow, f"{STAND_IN}:{server}") == 403
        assert narrow.verdict(STAND_IN, server) == Verdict(ConnectionOutcome.BLOCKED, Rule.HOST)


async def test_what_the_service_has_dialled_is_judged_by_the_terms_of_the_job(tmp_path: Path) -> None:
    async with (
        service(tmp_path, EGRESS_ALLOW="127.0.0.0/8,::1") as (_, at),
        serving(echo, "127.0.0.1") as server,
        egress(egress_service_url=url(at)) as proxy,
    ):
        policy = AddressPolicy(allow=(split_network(STAND_IN), split_network(f"10.0.0.1:{server}")))
        port = await opened(proxy, Terms(policy))
        assert await status_of(port, f"localhost:{server}") == 403
        assert port.verdict("localhost", server) == Verdict(ConnectionOutcome.BLOCKED, Rule.HOST)


async def test_the_proxy_of_a_tenant_is_reached_through_the_service_too(tmp_path: Path) -> None:
    async def proxies(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"CONNECT t.example.org:443 ")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nhello")
        await writer.drain()

    async with (
        service(tmp_path) as (_, at),
        serving(proxies) as server,
        egress(egress_service_url=url(at)) as made,
    ):
        upstream = Upstream(ProxyScheme.HTTP, STAND_IN, server)
        client, status = await tunnel(
            await opened(made, Terms(LOOPBACK, upstream=upstream)), "t.example.org:443"
        )
        assert status == 200
        assert await client.rest() == b"hello"
        client.close()


async def test_one_page_asks_the_service_for_a_few_connections_at_once() -> None:
    """Or else its names without an answer would take the service's threads from all workers."""
    asked, most, may_answer = 0, 0, asyncio.Event()

    async def slow(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked, most
        await reader.readuntil(b"\r\n\r\n")
        asked += 1
        most = max(most, asked)
        await may_answer.wait()
        asked -= 1
        writer.write(b"HTTP/1.1 502 x\r\nProxy-Status: a; error=dns_error\r\n\r\n")

    wanted = 2 * MAX_REQUESTS_OF_PAGE
    async with serving(slow) as server, egress(egress_service_url=url(server, host=STAND_IN)) as proxy:
        port = await opened(proxy)
        asking = [asyncio.create_task(status_of(port, f"{n}.example.com:443")) for n in range(wanted)]
        await until(lambda: asked == MAX_REQUESTS_OF_PAGE and port.record.connections == wanted)
        may_answer.set()
        assert await asyncio.gather(*asking) == [502] * wanted
    assert most == MAX_REQUESTS_OF_PAGE


async def test_without_the_token_the_service_does_nothing(tmp_path: Path) -> None:
    async with service(tmp_path) as (_, at), serving(echo) as server:
        for words in ("", "Proxy-Authorization: Basic Ondyb25nLXRva2VuLW9mLXRoaXM=\r\n"):
            reader, writer = await asyncio.open_connection("127.0.0.1", at)
            writer.write(f"CONNECT {STAND_IN}:{server} HTTP/1.1\r\nHost: x\r\n{words}\r\n".encode())
            assert (await reader.read()).startswith(b"HTTP/1.1 403 ")
            writer.close()
        async with egress(egress_service_url=url(at, "another-token-of-16")) as proxy:
            port = await opened(proxy, Terms(LOOPBACK))
            assert await status_of(port, f"{STAND_IN}:{server}") == 502
            assert port.verdict(STAND_IN, server) == Verdict(ConnectionOutcome.UNAVAILABLE)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({}, "RENDERFLEET_EGRESS_SERVICE_TOKEN is not set"),
        ({"EGRESS_SERVICE_TOKEN": "short"}, "RENDERFLEET_EGRESS_SERVICE_TOKEN is wrong"),
        (
            {"EGRESS_SERVICE_TOKEN": TOKEN, "EGRESS_SERVICE_HOST": "192.0.2.1"},
            "cannot listen at RENDERFLEET_EGRESS_SERVICE_HOST 192.0.2.1",
        ),
    ],
)
async def test_it_does_not_start_without_a_token_or_an_address(settings: dict[str, str], words: str) -> None:
    bare = {name: value for name, value in os.environ.items() if "EGRESS_SERVICE" not in name}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "worker.egress"),
        env={**bare, **{f"RENDERFLEET_{name}": value for name, value in settings.items()}},
        stderr=asyncio.subprocess.PIPE,
    )
    _, output = await process.communicate()
    assert process.returncode == 1
    assert words in output.decode()
    assert "Traceback" not in output.decode()
