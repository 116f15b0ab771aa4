"""What an upload costs the API: some pieces of it, however long it is."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx

from deploy.embedded.engines.engines import Engines
from tests.kit.processes import api_process, product_environment

MIB = 1024 * 1024


def part(name: str) -> bytes:
    head = f'--b\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'
    return head.encode()


async def body(size: int) -> AsyncIterator[bytes]:
    yield part("index.html") + b"<p>\r\n" + part("film.mp4")
    for _ in range(size // MIB):
        yield bytes(MIB)
    yield b"\r\n--b--\r\n"


async def upload(client: httpx.AsyncClient, size: int) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = await client.post("/v1/jobs", content=body(size), headers=headers)
    assert answer.status_code == 202, answer.text


def peak_bytes(pid: int) -> int:
    """The most memory that a process has had."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM:")) * 1024


async def test_64_mib_of_files_grow_the_api_by_less_than_16(
    engines: Engines, database_url: str, tenant_key: str, tmp_path: Path
) -> None:
    environment = product_environment(engines, database_url, tmp_path / "data")
    async with api_process(environment, tmp_path / "api.log", tenant_key) as (process, client):
        await upload(client, MIB)  # what is loaded with the first one is no cost of an upload
        before = peak_bytes(process.process.pid)
        await upload(client, 63 * MIB)
        assert peak_bytes(process.process.pid) - before < 16 * MIB
