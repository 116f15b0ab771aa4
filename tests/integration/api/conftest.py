"""The API under a real uvicorn on a loopback port, in the test's own event loop."""

import asyncio
import socket
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from dataclasses import dataclass

import httpx
import pytest
import uvicorn
from arq.connections import ArqRedis
from fastapi import FastAPI

from api.dependencies import Dependencies, Settings
from api.main import create_app
from api.serve import uvicorn_config
from api.settings import ApiSettings
from deploy.embedded.engines.engines import Engines
from fleet.artifacts.settings import StorageSettings
from fleet.artifacts.store import Artifacts
from fleet.settings import load_settings
from fleet.telemetry.logs import LogSettings, configure_logs
from tests.kit.data.vaults import SECRET_KEY
from tests.kit.patience import PATIENCE_S
from tests.kit.processes import NO_TLS


@dataclass(frozen=True)
class Api:
    """A running API: its client (which carries the key), its address and what it stands on."""

    client: httpx.AsyncClient
    port: int
    app: FastAPI
    server: uvicorn.Server

    @property
    def dependencies(self) -> Dependencies:
        found = self.app.state.dependencies
        assert isinstance(found, Dependencies)
        return found


Serve = Callable[..., AbstractAsyncContextManager[Api]]


# Applications that no test uses at the moment, by their settings.
_idle_apps: dict[frozenset[tuple[str, object]], list[FastAPI]] = defaultdict(list)


@contextmanager
def app_with(settings: frozenset[tuple[str, object]]) -> Iterator[FastAPI]:
    """An application of these settings and of the engines of this test, which nobody else uses meanwhile.

    It is built once: its routes and models take a quarter of a second, which was a third of many a test.
    """
    idle = _idle_apps[settings]
    app = idle.pop() if idle else create_app()
    configure_logs(load_settings(LogSettings))  # as when it is built; the end of a test undoes it
    app.state.settings = Settings.load()  # the database is this test's own
    yield app
    idle.append(app)  # not after a failure: its parts may be open still


@pytest.fixture
def serve(
    engines: Engines,
    database_url: str,
    tenant_key: str,
    redis: ArqRedis,  # noqa: ARG001 - an empty one
    monkeypatch: pytest.MonkeyPatch,
) -> Serve:
    """Starts an API with settings of one's own: `async with` what it returns for API_KEY_CACHE_S=0."""

    @asynccontextmanager
    async def start(**settings: object) -> AsyncIterator[Api]:
        environment = {
            **engines.environment,
            "RENDERFLEET_DATABASE_URL": database_url,
            "RENDERFLEET_SECRET_KEYS": SECRET_KEY,
        }
        environment |= {f"RENDERFLEET_{name}": str(value) for name, value in settings.items()}
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        with (
            app_with(frozenset(settings.items())) as app,
            socket.create_server(("127.0.0.1", 0)) as listener,
        ):
            port = listener.getsockname()[1]
            server = uvicorn.Server(uvicorn_config(app, load_settings(ApiSettings)))
            serving = asyncio.create_task(server.serve(sockets=[listener]))
            headers = {"Authorization": f"Bearer {tenant_key}"}
            async with httpx.AsyncClient(
                base_url=f"http://127.0.0.1:{port}",
                headers=headers,
                trust_env=False,
                timeout=PATIENCE_S,
                verify=NO_TLS,
            ) as client:
                # The listener queues connections until the server is ready to take them.
                assert (await client.get("/livez")).status_code == 200
                yield Api(client, port, app, server)
            server.should_exit = True
            await asyncio.wait_for(serving, timeout=PATIENCE_S)

    return start


@pytest.fixture
async def api(serve: Serve) -> AsyncIterator[Api]:
    """An API with the default settings on healthy engines."""
    async with serve() as started:
        yield started


@pytest.fixture
async def artifacts(storage_settings: StorageSettings) -> AsyncIterator[Artifacts]:
    store = Artifacts(storage_settings)
    yield store
    store.close()


@pytest.fixture
def dead_port() -> Iterator[int]:
    """A port on which nobody listens: bound, so that nobody else takes it."""
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        yield reserved.getsockname()[1]
