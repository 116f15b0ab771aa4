"""The whole product on this machine, for a run: engines, API and workers, in which faults can be caused."""

import asyncio
import shutil
import signal
import socket
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, Final

import httpx

from deploy.embedded.engines.engine import Engine, clean_environment
from deploy.embedded.engines.engines import Engines
from deploy.embedded.engines.ports import LOOPBACK, free_port
from deploy.embedded.processes import process_tree
from deploy.embedded.processes.process import ChildProcess
from tests.chaos.cases.scale import Scale
from tests.chaos.clients.supervised_process import Starter, SupervisedProcess
from tests.kit.servers.tcp_forwarder import TcpForwarder, forwarded
from tests.site.server import Site

if TYPE_CHECKING:
    from collections.abc import Iterator

WORKER: Final = ("worker",)
_LISTEN: Final = (
    "uvicorn",
    "--factory",
    "api.main:create_app",
    "--host",
    LOOPBACK,
    "--loop",
    "uvloop",
    "--http",
    "httptools",
    "--no-access-log",
    "--timeout-graceful-shutdown",
    "1",
)


@dataclass(slots=True)
class NetworkLinks:
    """The network connections from one worker to its engines, which can be cut."""

    postgres: TcpForwarder
    redis: TcpForwarder


@dataclass(frozen=True, slots=True)
class RunEnvironment:
    """What a run needs: running engines, a migrated database, an API key, a folder and a Chromium.

    Attributes:
        start: starts API and workers.
    """

    engines: Engines
    database_url: str
    key: str
    folder: Path
    chromium: Path
    start: Starter = ChildProcess.start


@dataclass(slots=True)
class FleetUnderTest:
    """The fleet of one run.

    Attributes:
        links: of the workers whose connections can be cut.
        refusing: an address that refuses connections.
    """

    environment: RunEnvironment
    scale: Scale
    site: Site
    refusing: str
    client: httpx.AsyncClient
    apis: list[SupervisedProcess] = field(default_factory=list)
    workers: list[SupervisedProcess] = field(default_factory=list)
    links: dict[str, NetworkLinks] = field(default_factory=dict)
    addresses: list[str] = field(default_factory=list)

    @property
    def engines(self) -> Engines:
        """Redis, Postgres and S3."""
        return self.environment.engines

    @property
    def members(self) -> list[SupervisedProcess]:
        """API processes and workers."""
        return [*self.apis, *self.workers]

    async def start_engine(self, engine: Engine) -> None:
        """Start one of the engines if it is not running."""
        await asyncio.to_thread(engine.start)

    async def kill_engine(self, engine: Engine) -> None:
        """Kill one of the engines."""
        await asyncio.to_thread(engine.kill)

    async def lose_redis(self) -> None:
        """Kill Redis and delete its data, as if it had no persistence."""
        redis = self.engines.redis
        await self.kill_engine(redis)
        for path in redis.folder.glob("appendonly*"):
            await asyncio.to_thread(shutil.rmtree, path)

    async def worker_id(self, member: SupervisedProcess) -> str | None:
        """The worker id of a worker's current process; None until it is ready."""
        for line in member.current.lines():
            if line["event"] == "worker ready":
                return str(line["worker_id"])
        return None

    async def restore_all(self) -> None:
        """Repair every fault: engines run, connections work, and processes are running and ready."""
        for engine in self.engines.all:
            if engine.child is not None:
                process_tree.send(engine.child.pid, signal.SIGCONT)
            await self.start_engine(engine)
        for links in self.links.values():
            await links.postgres.resume()
            await links.redis.resume()
        for member in self.members:
            member.send(signal.SIGCONT)
        await asyncio.gather(*(member.ready() for member in self.members))

    async def _answers(self, address: str) -> bool:
        try:
            answer = await self.client.get(f"{address}/livez", timeout=1)
        except httpx.HTTPError:
            return False
        return answer.status_code == HTTPStatus.OK

    async def _is_ready(self, member: SupervisedProcess) -> bool:
        return await self.worker_id(member) is not None

    def _variables(self, **more: str) -> dict[str, str]:
        home = str(self.environment.folder)
        return {
            **clean_environment(HOME=home, TMPDIR=home),
            **self.engines.environment,
            "RENDERFLEET_DATABASE_URL": self.environment.database_url,
            "RENDERFLEET_DATA_DIR": str(self.environment.folder / "data"),
            "RENDERFLEET_EGRESS_ALLOW": LOOPBACK,
            "RENDERFLEET_LOG_FORMAT": "json",
            "RENDERFLEET_CHROMIUM_EXECUTABLE": str(self.environment.chromium),
            **self.scale.variables,
            **more,
        }

    async def add_api(self) -> None:
        """Add an API process; it keeps its port when it is started again."""
        port = free_port()
        address = f"http://{LOOPBACK}:{port}"
        member = SupervisedProcess(
            f"api-{len(self.apis) + 1}",
            (*_LISTEN, "--port", str(port)),
            self._variables(),
            self.environment.folder,
            ready=lambda _: self._answers(address),
            start=self.environment.start,
        )
        self.apis.append(member)
        self.addresses.append(address)
        await member.start()

    async def add_worker(self, words: tuple[str, ...], stack: AsyncExitStack, *, linked: bool) -> None:
        """Add a worker. If it is `linked`, its connections to Postgres and Redis can be cut."""
        name = f"worker-{len(self.workers) + 1}"
        variables: Mapping[str, str] = self._variables()
        if linked:
            postgres, database_url = await stack.enter_async_context(forwarded(self.environment.database_url))
            redis, redis_url = await stack.enter_async_context(forwarded(self.engines.redis_url))
            self.links[name] = NetworkLinks(postgres, redis)
            variables = self._variables(
                RENDERFLEET_DATABASE_URL=database_url, RENDERFLEET_REDIS_URL=redis_url
            )
        member = SupervisedProcess(
            name,
            words,
            variables,
            self.environment.folder,
            ready=self._is_ready,
            start=self.environment.start,
        )
        self.workers.append(member)
        await member.start()


@asynccontextmanager
async def opened(
    environment: RunEnvironment, scale: Scale, *, worker: tuple[str, ...] = WORKER
) -> AsyncIterator[FleetUnderTest]:
    """Start a fleet; its processes are ended at the end of the block, also frozen ones."""
    async with AsyncExitStack() as stack:
        headers = {"Authorization": f"Bearer {environment.key}"}
        limits = httpx.Limits(max_connections=400, max_keepalive_connections=40)
        client = await stack.enter_async_context(
            httpx.AsyncClient(headers=headers, timeout=15, trust_env=False, limits=limits)
        )
        site = stack.enter_context(Site())
        refusing = stack.enter_context(_refusing())
        fleet = FleetUnderTest(environment, scale, site, refusing, client)
        stack.push_async_callback(_stop, fleet)
        for _ in range(scale.apis):
            await fleet.add_api()
        for number in range(scale.workers):
            # The last one is connected directly, so that not every connection goes through this program.
            await fleet.add_worker(worker, stack, linked=number < max(1, scale.workers - 1))
        await asyncio.gather(*(member.ready() for member in fleet.members))
        yield fleet


async def _stop(fleet: FleetUnderTest) -> None:
    """Stop all processes at once, because each may take its grace time."""
    await asyncio.gather(*(member.stop() for member in fleet.members))


@contextmanager
def _refusing() -> "Iterator[str]":
    """An address that refuses connections: its port is in use, but nothing listens."""
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        yield f"http://{LOOPBACK}:{taken.getsockname()[1]}/"


def now() -> float:
    """Seconds since 1970. Postgres runs on this machine and has the same clock."""
    return time.time()


def log_lines(fleet: FleetUnderTest) -> list[dict[str, object]]:
    """All lines that all workers of the run have logged."""
    return [line for member in fleet.workers for process_run in member.runs for line in process_run.lines()]
