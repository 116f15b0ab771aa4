"""API processes take each other's place without losing a call, and end together."""

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import httpx
import psutil

from tests.kit.api.calls import enqueue, fail
from tests.kit.api.follow import follow
from tests.kit.paths import ROOT
from tests.kit.patience import PATIENCE_S
from tests.kit.processes import ProductProcess, free_port, started
from tests.kit.stages.stage import Stage

SHARE = 50
_PAUSE_S = 0.01  # without it, most of the CPU of this file was theirs


@dataclass
class Served:
    """A running `python -m api`.

    Attributes:
        process: the supervisor.
        answers: what those who call without a pause got.
        lost: what they did not get an answer to.
    """

    process: ProductProcess
    port: int
    key: str
    answers: list[int] = field(default_factory=list)
    lost: list[httpx.TransportError] = field(default_factory=list)

    def pids(self, event: str) -> list[int]:
        """The processes that have said so, one after the other."""
        return [line["pid"] for line in self.process.lines() if line["event"].startswith(event)]

    def connections(self, pid: int, status: str = psutil.CONN_ESTABLISHED) -> int:
        """How many callers this process has."""
        found = psutil.Process(pid).net_connections("tcp")
        return sum(one.status == status and one.laddr.port == self.port for one in found)

    @property
    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.process.pid).children()

    def client(self, *, keeps_connections: bool = True) -> httpx.AsyncClient:
        return httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{self.port}",
            headers={"Authorization": f"Bearer {self.key}"},
            limits=httpx.Limits(max_keepalive_connections=None if keeps_connections else 0),
            timeout=PATIENCE_S,
            trust_env=False,
        )

    async def call(self, path: str, *, keeps_connections: bool) -> None:
        """Ask again and again: whatever is lost between two processes is lost here."""
        async with self.client(keeps_connections=keeps_connections) as client:
            while True:
                await asyncio.sleep(_PAUSE_S)
                try:
                    self.answers.append((await client.get(path)).status_code)
                except httpx.TransportError as error:
                    self.lost.append(error)


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - neither logs nor processes tell
            await asyncio.sleep(0.02)


@asynccontextmanager
async def served(stage: Stage, key: str, name: str = "api", **settings: str) -> AsyncIterator[Served]:
    port = free_port()
    environment = stage.environment(API_PORT=str(port), **settings)
    async with started("api", environment=environment, log=stage.folder / f"{name}.log") as process:
        await process.logged('"serving"')
        yield Served(process, port, key)


async def asked(port: int, *words: str) -> int | None:
    """What an orchestrator learns."""
    environment = {**os.environ, "RENDERFLEET_API_PORT": str(port)}
    asking = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "api.health",
        *words,
        cwd=ROOT,
        env=environment,
        stdout=asyncio.subprocess.DEVNULL,
    )
    return await asking.wait()


async def test_a_process_that_has_served_its_share_makes_way_and_no_call_is_lost(
    stage: Stage, tenant_key: str
) -> None:
    """Under load, with a call that waits and a stream: both end on the process that they began on."""
    async with served(stage, tenant_key, API_MAX_REQUESTS=str(SHARE)) as api, api.client() as patient:
        job = await enqueue(patient)
        path = job["links"]["self"]
        waiting = asyncio.create_task(patient.get(path, params={"wait": 60}))
        async with follow(patient, job) as stream:
            callers = [
                asyncio.create_task(api.call(path, keeps_connections=keeps)) for keeps in (True, False)
            ]
            await until(lambda: len(api.pids("another process serves")) == 1)
            first, second = api.pids("serving")
            await until(lambda: api.connections(first) == 2)  # what called without a pause has gone over
            assert not api.connections(first, psutil.CONN_LISTEN)
            assert not waiting.done()
            await fail(stage.database, job["id"])
            assert (await waiting).json()["status"] == "failed"
            assert [event.name for event in await stream.rest()] == ["queued", "running", "failed"]
        await patient.aclose()  # its idle connection would keep the process for 5 s, as idle ones do
        await until(lambda: not psutil.pid_exists(first))
        await until(lambda: len(api.pids("another process serves")) == 2)
        for caller in callers:
            caller.cancel()
        await asyncio.wait(callers)
        assert not api.lost
        assert set(api.answers) == {200}
        assert len(api.answers) > 4 * SHARE
        assert api.pids("another process serves") == [first, second]
        assert len(set(api.pids("serving"))) == 3

        assert await asked(api.port, "--ready") == 0
        children = api.children
        api.process.send(signal.SIGTERM)
        assert await api.process.ended() == 0
        assert not [child for child in children if child.is_running()]
        assert await asked(api.port) == 1


async def test_the_processes_end_together(stage: Stage, tenant_key: str) -> None:
    async with served(stage, tenant_key, "one") as one, served(stage, tenant_key, "other") as other:
        (child,) = one.children
        one.process.send(signal.SIGKILL)
        await until(lambda: not child.is_running())
        (child,) = other.children
        child.kill()
        assert await other.process.ended() == 128 + signal.SIGKILL


async def test_a_port_that_is_taken_is_named(stage: Stage) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        environment = stage.environment(API_PORT=str(port))
        async with started("api", environment=environment, log=stage.folder / "api.log") as process:
            assert await process.ended() == 1
    assert f"cannot listen at 127.0.0.1 port {port}" in process.log.read_text()
