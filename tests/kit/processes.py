"""Starts the product's processes as users do, for tests that stop, kill or freeze one."""

import asyncio
import json
import os
import signal
import socket
import ssl
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx
import psutil

from deploy.embedded.engines.engines import Engines
from tests.kit.data.vaults import SECRET_KEY
from tests.kit.forks.forks import FORKS, Fork
from tests.kit.forks.server import LOADED
from tests.kit.paths import ROOT
from tests.kit.patience import PATIENCE_S

# For clients that speak plain HTTP. Else httpx reads a file of certificates for each client, for 25 ms.
NO_TLS: Final = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def product_environment(engines: Engines, database_url: str, data_dir: Path) -> dict[str, str]:
    """Settings for a worker or an API on the tests' engines, with short intervals for quick recovery."""
    return {
        **os.environ,
        **engines.s3_environment,
        "RENDERFLEET_DATABASE_URL": database_url,
        "RENDERFLEET_REDIS_URL": engines.redis_url,
        "RENDERFLEET_S3_ENDPOINT_URL": engines.s3_endpoint_url,
        "RENDERFLEET_DATA_DIR": str(data_dir),
        "RENDERFLEET_SECRET_KEYS": SECRET_KEY,
        "RENDERFLEET_EGRESS_ALLOW": "127.0.0.1",
        "RENDERFLEET_BROWSER_MAX_PAGES": "2",
        "RENDERFLEET_LEASE_S": "3",
        "RENDERFLEET_HEARTBEAT_INTERVAL_S": "0.5",
        "RENDERFLEET_SWEEP_INTERVAL_S": "0.5",
        "RENDERFLEET_SHUTDOWN_GRACE_S": "1",
        "RENDERFLEET_DATABASE_TIMEOUT_S": "2",
        "RENDERFLEET_S3_TIMEOUT_S": "2",
    }


class ProductProcess:
    """A running process and its log."""

    def __init__(self, process: asyncio.subprocess.Process | Fork, log: Path) -> None:
        self.process = process
        self.log = log

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        self.process.send_signal(number)

    def lines(self) -> list[dict[str, Any]]:
        """The lines that it has logged so far."""
        return [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]

    async def ended(self) -> int:
        """Wait for its end; its exit code."""
        async with asyncio.timeout(PATIENCE_S):
            return await self.process.wait()

    async def logged(self, words: str) -> None:
        """Wait until its log contains these words."""
        async with asyncio.timeout(PATIENCE_S):
            while words not in self.log.read_text():
                assert self.process.returncode is None, self.log.read_text()
                await asyncio.sleep(0.02)  # a file that grows causes no event


@asynccontextmanager
async def started(
    *arguments: str, environment: Mapping[str, str], log: Path, code: Path = ROOT
) -> AsyncIterator[ProductProcess]:
    """Run `python -m ...` during the block. At the end it is stopped, even if it was frozen by SIGSTOP.

    `code` is the folder of another release, as `tests.kit.deploy.releases` makes it.
    """
    async with _running(*arguments, environment=environment, log=log, code=code) as process:
        try:
            yield ProductProcess(process, log)
        finally:
            if process.returncode is None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
                try:
                    async with asyncio.timeout(PATIENCE_S):
                        await process.wait()
                finally:
                    if process.returncode is None:
                        process.kill()
                        await process.wait()


@asynccontextmanager
async def _running(
    module: str, *arguments: str, environment: Mapping[str, str], log: Path, code: Path
) -> AsyncIterator[asyncio.subprocess.Process | Fork]:
    if module in LOADED and code == ROOT:
        async with FORKS.one(module, *arguments, environment=environment, output=log) as fork:
            yield fork
        return
    with log.open("wb") as output:
        words = (sys.executable, "-m", module, *arguments)
        yield await asyncio.create_subprocess_exec(
            *words, cwd=code, env=dict(environment), stdout=output, stderr=output
        )


class Said(NamedTuple):
    """What a command has said, and how it has ended."""

    code: int
    output: str
    errors: str


async def command(*words: str, environment: Mapping[str, str], keys: str = "", folder: Path = ROOT) -> Said:
    """Run `python -m ...` to its end, a module of `LOADED`, with `keys` as its standard input."""
    with tempfile.TemporaryDirectory() as scratch:
        output, errors, typed = (Path(scratch) / name for name in ("output", "errors", "keys"))
        typed.write_text(keys)
        async with FORKS.one(
            *words, environment=environment, output=output, errors=errors, keys=typed, folder=folder
        ) as fork:
            try:
                async with asyncio.timeout(PATIENCE_S):
                    code = await fork.wait()
            finally:
                fork.kill()
        return Said(code, output.read_text(errors="replace"), errors.read_text())


@asynccontextmanager
async def worker(
    environment: Mapping[str, str], log: Path, *, code: Path = ROOT
) -> AsyncIterator[ProductProcess]:
    """A worker that is ready."""
    async with started("worker", environment=environment, log=log, code=code) as process:
        await process.logged("worker ready")
        yield process


def command_line(process: psutil.Process) -> list[str]:
    """The arguments of a process; none when it has ended."""
    try:
        return list(process.cmdline())
    except (psutil.NoSuchProcess, psutil.ZombieProcess):
        return []


def parent_of(pid: int) -> int:
    """The process that has started a process; 0 when it has ended."""
    try:
        return int(psutil.Process(pid).ppid())
    except psutil.NoSuchProcess:
        return 0


def free_port() -> int:
    """A loopback port on which no program listens at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@asynccontextmanager
async def api(environment: Mapping[str, str], log: Path, key: str) -> AsyncIterator[httpx.AsyncClient]:
    """Start an API process; a client with an API key."""
    async with api_process(environment, log, key) as (_, client):
        yield client


@asynccontextmanager
async def api_process(
    environment: Mapping[str, str],
    log: Path,
    key: str,
    *,
    runner: Sequence[str] = (),
    code: Path = ROOT,
) -> AsyncIterator[tuple[ProductProcess, httpx.AsyncClient]]:
    """Start an API process; the process, and a client with an API key. `runner` is a module that runs it."""
    port = free_port()
    arguments = ("uvicorn", "--factory", "api.main:create_app", "--port", str(port), "--no-access-log")
    async with started(*runner, *arguments, environment=environment, log=log, code=code) as process:
        headers = {"Authorization": f"Bearer {key}"}
        async with httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{port}",
            headers=headers,
            timeout=PATIENCE_S,
            trust_env=False,
            verify=NO_TLS,
        ) as client:
            await _answers(client, process)
            yield process, client


async def _answers(client: httpx.AsyncClient, process: ProductProcess) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            assert process.process.returncode is None, process.log.read_text()
            try:
                await client.get("/livez")
            except httpx.TransportError:
                await asyncio.sleep(0.02)  # a port that opens causes no event
            else:
                return
