"""A file that the port sends itself: whole, in pieces, and as fast as it is read."""

import asyncio
import random
from pathlib import Path

import pytest

from fleet.egress.policy import AddressPolicy
from tests.kit.stages.browser_stage import until
from tests.kit.stages.egress_stage import Client, ask, egress, opened, tunnel
from worker.egress.own_site.bundle import Bundle, BundleFile
from worker.egress.terms import Terms

CONTENTS = random.Random(1).randbytes(20_000_000)  # noqa: S311 - no secret


@pytest.fixture
def terms(tmp_path: Path) -> Terms:
    path = tmp_path / "0"
    path.write_bytes(CONTENTS)
    (tmp_path / "1").touch()
    files = {
        "film.mp4": BundleFile(path, len(CONTENTS), "video/mp4"),
        "empty.txt": BundleFile(tmp_path / "1", 0, "text/plain"),
        "gone.txt": BundleFile(tmp_path / "2", 5, "text/plain"),
    }
    return Terms(AddressPolicy(), own_site=Bundle(files))


def request(target: str, *fields: str, host: str = "files.localhost") -> bytes:
    lines = (f"GET http://{host}{target} HTTP/1.1", f"Host: {host}", "Sec-Fetch-Site: none", *fields, "", "")
    return "\r\n".join(lines).encode()


def open_files() -> int:
    return sum(
        1 for entry in Path("/proc/self/fd").iterdir() if entry.exists() and entry.resolve().name == "0"
    )


async def test_a_file_is_sent_whole_and_in_part(terms: Terms) -> None:
    async with egress() as proxy:
        port = await opened(proxy, terms)
        head, _, body = (await ask(port, request("/film.mp4"))).partition(b"\r\n\r\n")
        assert head.startswith(b"HTTP/1.1 200 OK\r\n")
        assert body == CONTENTS
        head, _, body = (await ask(port, request("/film.mp4", "Range: bytes=5-1000004"))).partition(
            b"\r\n\r\n"
        )
        assert head.startswith(b"HTTP/1.1 206 Partial Content\r\n")
        assert body == CONTENTS[5:1_000_005]
        assert (await ask(port, request("/empty.txt"))).endswith(b"\r\n\r\n")
        assert await ask(port, request("/gone.txt")) == b""
        assert port.record.bytes_total == 0, "what comes from nowhere is no traffic"
        assert open_files() == 0


async def test_who_does_not_read_costs_no_memory_and_is_cut_with_the_port(terms: Terms) -> None:
    async with egress() as proxy:
        port = await opened(proxy, terms)
        client = await Client.connect(port.number)
        await client.send(request("/film.mp4"))
        await client.exactly(1)
        for _ in range(1000):  # many times as often as it would take to read all of the file
            await asyncio.sleep(0)
        assert open_files() == 1, "it is read no further than the browser reads"
        await port.close()
        assert open_files() == 0
        assert len(await client.rest()) < len(CONTENTS)


async def test_who_goes_away_leaves_no_open_file(terms: Terms) -> None:
    async with egress() as proxy:
        port = await opened(proxy, terms)
        client = await Client.connect(port.number)
        await client.send(request("/film.mp4"))
        await client.exactly(1)
        client.close()
        await until(lambda: open_files() == 0, "the end of the file")


async def test_the_port_of_another_page_knows_no_such_host(terms: Terms) -> None:
    async with egress() as proxy:
        await opened(proxy, terms)
        other = await opened(proxy)
        assert await ask(other, request("/film.mp4")) == b""
        verdict = other.verdict("files.localhost", 80)
        assert verdict is not None
        assert verdict.is_block


async def test_no_other_port_and_no_tunnel_leads_to_them(terms: Terms) -> None:
    async with egress() as proxy:
        port = await opened(proxy, terms)
        for host in ("files.localhost:8080", "other.localhost", "localhost"):
            assert await ask(port, request("/film.mp4", host=host)) == b""
        for authority in ("files.localhost:443", "files.localhost:80"):
            client, status = await tunnel(port, authority)
            client.close()
            assert status == 403
