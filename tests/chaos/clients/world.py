"""The whole product on this machine, for a run: engines, API and workers, all of which may be broken."""

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
from tests.chaos.cases.scale import Scale
from tests.chaos.clients.member import Member
from tests.kit.tcp_forwarder import TcpForwarder, forwarded
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
class Cables:
    """The wires that lead from one worker to its engines."""

    postgres: TcpForwarder
    redis: TcpForwarder


@dataclass(frozen=True, slots=True)
class Ground:
    """What a run stands on: running engines, a migrated database, a key, a folder and a Chromium."""

    engines: Engines
    database_url: str
    key: str
    folder: Path
    chromium: Path


@dataclass(slots=True)
class World:
    """One run's fleet.

    Attributes:
        cables: of those workers that are not wired directly.
        refusing: an address at which nobody listens, and nobody will.
    """

    ground: Ground
    scale: Scale
    site: Site
    refusing: str
    client: httpx.AsyncClient
    apis: list[Member] = field(default_factory=list)
    workers: list[Member] = field(default_factory=list)
    cables: dict[str, Cables] = field(default_factory=dict)
    addresses: list[str] = field(default_factory=list)

    @property
    def engines(self) -> Engines:
        """Redis, Postgres and S3."""
        return self.ground.engines

    @property
    def members(self) -> list[Member]:
        """API processes and workers."""
        return [*self.apis, *self.workers]

    async def start_engine(self, engine: Engine) -> None:
        """Start one of the engines, if it does not run."""
        await asyncio.to_thread(engine.start)

    async def kill_engine(self, engine: Engine) -> None:
        """SIGKILL."""
        await asyncio.to_thread(engine.kill)

    async def lose_redis(self) -> None:
        """SIGKILL, and all its data is gone, as without persistence."""
        redis = self.engines.redis
        await self.kill_engine(redis)
        for path in redis.folder.glob("appendonly*"):
            await asyncio.to_thread(shutil.rmtree, path)

    async def worker_id(self, member: Member) -> str | None:
        """The id of the present process of a worker; None until it is ready."""
        for line in member.life.lines():
            if line["event"] == "worker ready":
                return str(line["worker_id"])
        return None

    async def heal(self) -> None:
        """Undo every fault: engines run, wires are whole, processes go on and are ready."""
        for engine in self.engines.all:
            if engine.child is not None:
                process_tree.send(engine.child.pid, signal.SIGCONT)
            await self.start_engine(engine)
        for cables in self.cables.values():
            await cables.postgres.resume()
            await cables.redis.resume()
        for member in self.members:
            member.send(signal.SIGCONT)
        await asyncio.gather(*(member.ready() for member in self.members))

    async def _answers(self, address: str) -> bool:
        try:
            answer = await self.client.get(f"{address}/livez", timeout=1)
        except httpx.HTTPError:
            return False
        return answer.status_code == HTTPStatus.OK

    async def _has_said_ready(self, member: Member) -> bool:
        return await self.worker_id(member) is not None

    def _variables(self, **more: str) -> dict[str, str]:
        home = str(self.ground.folder)
        return {
            **clean_environment(HOME=home, TMPDIR=home),
            **self.engines.environment,
            "RENDERFLEET_DATABASE_URL": self.ground.database_url,
            "RENDERFLEET_DATA_DIR": str(self.ground.folder / "data"),
            "RENDERFLEET_EGRESS_ALLOW": LOOPBACK,
            "RENDERFLEET_LOG_FORMAT": "json",
            "RENDERFLEET_CHROMIUM_EXECUTABLE": str(self.ground.chromium),
            **self.scale.variables,
            **more,
        }

    async def add_api(self) -> None:
        """One more API process, always at the same port."""
        port = free_port()
        address = f"http://{LOOPBACK}:{port}"
        member = Member(
            f"api-{len(self.apis) + 1}",
            (*_LISTEN, "--port", str(port)),
            self._variables(),
            self.ground.folder,
            ready=lambda _: self._answers(address),
        )
        self.apis.append(member)
        self.addresses.append(address)
        await member.start()

    async def add_worker(self, words: tuple[str, ...], stack: AsyncExitStack, *, wired: bool) -> None:
        """One more worker, with wires to Postgres and Redis that can be cut, or without."""
        name = f"worker-{len(self.workers) + 1}"
        variables: Mapping[str, str] = self._variables()
        if wired:
            postgres, database_url = await stack.enter_async_context(forwarded(self.ground.database_url))
            redis, redis_url = await stack.enter_async_context(forwarded(self.engines.redis_url))
            self.cables[name] = Cables(postgres, redis)
            variables = self._variables(
                RENDERFLEET_DATABASE_URL=database_url, RENDERFLEET_REDIS_URL=redis_url
            )
        member = Member(name, words, variables, self.ground.folder, ready=self._has_said_ready)
        self.workers.append(member)
        await member.start()


@asynccontextmanager
async def opened(ground: Ground, scale: Scale, *, worker: tuple[str, ...] = WORKER) -> AsyncIterator[World]:
    """A fleet that is ready; its processes end with the block, whatever was done to them."""
    async with AsyncExitStack() as stack:
        headers = {"Authorization": f"Bearer {ground.key}"}
        limits = httpx.Limits(max_connections=400, max_keepalive_connections=40)
        client = await stack.enter_async_context(
            httpx.AsyncClient(headers=headers, timeout=15, trust_env=False, limits=limits)
        )
        site = stack.enter_context(Site())
        refusing = stack.enter_context(_refusing())
        world = World(ground, scale, site, refusing, client)
        stack.push_async_callback(_stop, world)
        for _ in range(scale.apis):
            await world.add_api()
        for number in range(scale.workers):
            # The last one is wired directly: a fleet whose every connection leads through us proves less.
            await world.add_worker(worker, stack, wired=number < max(1, scale.workers - 1))
        await asyncio.gather(*(member.ready() for member in world.members))
        yield world


async def _stop(world: World) -> None:
    """Members in order, whatever state they are in; several at once, because each may take its grace time."""
    await asyncio.gather(*(member.stop() for member in world.members))


@contextmanager
def _refusing() -> "Iterator[str]":
    """An address that refuses connections: a port is taken, but nobody listens."""
    with socket.socket() as taken:
        taken.bind((LOOPBACK, 0))
        yield f"http://{LOOPBACK}:{taken.getsockname()[1]}/"


def now() -> float:
    """Seconds since 1970: the same clock as Postgres', which runs on this machine."""
    return time.time()


def log_lines(world: World) -> list[dict[str, object]]:
    """Everything that all workers of the run have logged."""
    return [line for member in world.workers for life in member.lives for line in life.lines()]
