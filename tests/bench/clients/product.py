"""Runs the product as users do: engines, API and workers as processes, in a temporary folder."""

import asyncio
import sys
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from http import HTTPStatus
from pathlib import Path
from typing import Final, Self

import asyncpg

from deploy.embedded.engines.engine import clean_environment
from deploy.embedded.engines.engines import Engines
from deploy.embedded.engines.ports import LOOPBACK, free_port
from deploy.embedded.install import chromium
from deploy.embedded.processes.process import ChildProcess, Program, run_to_end
from fleet.tenants.api_keys import create_key
from fleet.tenants.tenant import Scope
from fleet.vault.key_file import new_key
from tests.bench.clients.caller import Caller, http_request

_READY_TIMEOUT_S: Final = 60.0
_MIGRATIONS_TIMEOUT_S: Final = 60.0
_STOP_TIMEOUT_S: Final = 10.0
_POLL_S: Final = 0.02
_READY: Final = "SELECT count(*) >= $1 FROM workers WHERE stopped_at IS NULL"


class ProductError(Exception):
    """A part of the product is missing, does not start or gives a wrong answer; the message is for people."""


def find_chromium() -> chromium.Chromium:
    """The Chromium that `make run` would use; nothing is installed.

    Raises:
        ProductError: there is none.
    """
    found = chromium.find()
    if found is None:
        raise ProductError("There is no Chromium to measure. `make run` installs one.")
    return found


@dataclass(frozen=True, slots=True)
class Api:
    """An API process that is ready."""

    child: ChildProcess
    port: int
    key: str

    def request(self, method: str, path: str, *, document: object = None, **headers: str) -> bytes:
        """The bytes of a call with the API key. Names of headers are given with underscores."""
        named = {name.replace("_", "-").title(): text for name, text in headers.items()}
        return http_request(
            method,
            path,
            host=f"{LOOPBACK}:{self.port}",
            headers={"Authorization": f"Bearer {self.key}", **named},
            document=document,
        )

    async def connect(self) -> Caller:
        """Open a connection to the API."""
        return await Caller.connect(LOOPBACK, self.port)


@dataclass(frozen=True, slots=True)
class Product:
    """Engines with one database, and what is needed to start API and workers on them.

    Attributes:
        variables: the environment of the product's processes.
        key: an API key with every scope.
        starter: starts API and workers.
    """

    engines: Engines
    folder: Path
    variables: Mapping[str, str]
    key: str = ""
    starter: Callable[[Program], ChildProcess] = ChildProcess.start

    @classmethod
    @contextmanager
    def start(cls, folder: Path, **settings: str) -> Iterator[Self]:
        """Start the engines with an empty database; they are stopped at the end of the block.

        Args:
            folder: for all files.
            settings: of API and workers; names without the prefix and in lower case.
        """
        with Engines.start(folder / "data") as engines:
            named = {f"RENDERFLEET_{name.upper()}": text for name, text in settings.items()}
            variables = {
                **clean_environment(HOME=str(folder), TMPDIR=str(folder)),
                **engines.environment,
                "RENDERFLEET_DATA_DIR": str(folder / "data"),
                "RENDERFLEET_SECRET_KEYS": new_key(),
                # One tenant makes all calls: they are counted as usual, but the limits are high enough.
                "RENDERFLEET_TENANT_MAX_REQUESTS_PER_S": "100000",
                "RENDERFLEET_CHROMIUM_EXECUTABLE": str(find_chromium().executable),
                **named,
            }
            yield cls(engines, folder, variables)

    async def with_database(self, name: str, *, redis_number: int) -> Self:
        """The same engines, with another database in Postgres and in Redis."""
        connection = await asyncpg.connect(self.engines.database_url)
        try:
            await connection.execute(f"CREATE DATABASE {name}")
        finally:
            await connection.close()
        urls = {
            "RENDERFLEET_DATABASE_URL": f"{self.engines.database_url.rpartition('/')[0]}/{name}",
            "RENDERFLEET_REDIS_URL": f"{self.engines.redis_url.rpartition('/')[0]}/{redis_number}",
        }
        return await replace(self, variables={**self.variables, **urls}).migrated()

    async def migrated(self) -> Self:
        """Run the migrations, and create a tenant and an API key."""
        command = (sys.executable, "-m", "migrations")
        program = Program("migrations", command, self.folder / "migrations.log", self.variables)
        await asyncio.to_thread(run_to_end, program, timeout_s=_MIGRATIONS_TIMEOUT_S)
        connection = await asyncpg.connect(self.database_url)
        try:
            key = await create_key(connection, tenant_name="bench", key_name="bench", scopes=frozenset(Scope))
        finally:
            await connection.close()
        return replace(self, key=key)

    @property
    def database_url(self) -> str:
        """Of this world."""
        return self.variables["RENDERFLEET_DATABASE_URL"]

    @property
    def redis_url(self) -> str:
        """Of this world."""
        return self.variables["RENDERFLEET_REDIS_URL"]

    @property
    def engine_pids(self) -> dict[str, int]:
        """The process ids of the engines, by name."""
        return {engine.title: engine.child.pid for engine in self.engines.all if engine.child is not None}

    @contextmanager
    def api(self, name: str = "api") -> Iterator[Api]:
        """Start an API process as `make run` does. `api_ready` waits until it is ready."""
        port = free_port()
        listen = ("--factory", "api.main:create_app", "--host", LOOPBACK, "--port", str(port))
        fast = (
            "--loop",
            "uvloop",
            "--http",
            "httptools",
            "--no-access-log",
            "--timeout-graceful-shutdown",
            "1",
        )
        with self._child(name, "uvicorn", *listen, *fast) as child:
            yield Api(child, port, self.key)

    def worker(self, module: str = "worker") -> AbstractContextManager[ChildProcess]:
        """Start a worker process by its module. `worker_ready` waits until it is ready."""
        return self._child("worker", module)

    def worker_program(self, variables: Mapping[str, str]) -> Program:
        """The program of a worker with other variables, for callers that start it themselves."""
        command = (sys.executable, "-m", "worker")
        return Program("worker", command, self.folder / "worker.log", variables, unprivileged=True)

    @contextmanager
    def _child(self, name: str, module: str, *words: str) -> Iterator[ChildProcess]:
        log = self.folder / f"{name}.log"
        command = (sys.executable, "-m", module, *words)
        child = self.starter(Program(name, command, log, self.variables, unprivileged=True))
        try:
            yield child
        finally:
            child.stop(_STOP_TIMEOUT_S)

    async def api_ready(self, api: Api) -> None:
        """Wait until the API and all its dependencies answer.

        Raises:
            ProductError: it ended, or took too long.
        """
        await self._until(api.child, lambda: _answers_ready(api))

    async def worker_ready(self, child: ChildProcess) -> None:
        """As `workers_ready`, for the first one."""
        await self.workers_ready([child])

    async def workers_ready(self, children: Sequence[ChildProcess], *, besides: int = 0) -> None:
        """Wait until each worker has written its row, which it does when it has a browser.

        Args:
            children: the workers.
            besides: how many others there are.

        Raises:
            ProductError: one ended, or took too long.
        """
        connection = await asyncpg.connect(self.database_url)
        count = besides + len(children)

        async def is_ready() -> bool:
            return bool(await connection.fetchval(_READY, count))

        try:
            for child in children:
                await self._until(child, is_ready)
        finally:
            await connection.close()

    async def _until(self, child: ChildProcess, is_ready: Callable[[], Awaitable[bool]]) -> None:
        try:
            async with asyncio.timeout(_READY_TIMEOUT_S):
                while not await is_ready():
                    if not child.running:
                        raise ProductError(f"{child.program.name} {child.end}:\n{child.log_tail()}")
                    await asyncio.sleep(_POLL_S)  # there is no event when it is ready
        except TimeoutError:
            raise ProductError(f"{child.program.name} did not get ready:\n{child.log_tail()}") from None


async def _answers_ready(api: Api) -> bool:
    try:
        caller = await api.connect()
    except OSError:
        return False
    try:
        return (await caller.call(api.request("GET", "/readyz"))).status == HTTPStatus.OK
    except ConnectionError:
        return False
    finally:
        caller.close()
