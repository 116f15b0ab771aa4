"""The engines that the tests run on: real ones, started once a session, fresh data for every test."""

import asyncio
import gc
import logging
import os
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import UUID

import psutil
import pytest
import structlog
from arq.connections import ArqRedis
from hypothesis import HealthCheck, settings

from deploy.embedded.engines.engines import Engines
from deploy.embedded.engines.postgres_engine import USER
from fleet.artifacts.settings import StorageSettings
from fleet.confined.program import stop_all
from fleet.database import Database, DatabaseSettings
from fleet.queue import arq_adapter
from fleet.tenants.api_keys import create_key
from fleet.tenants.tenant import Scope, Tenant
from tests.kit.data.databases import Databases, run_sql, with_database
from tests.kit.data.tenants import find_tenant
from tests.kit.forks.forks import FORKS
from tests.kit.late_connections import close_late_connections
from tests.kit.paths import ROOT
from tests.kit.processes import command
from tests.kit.stages.gate import gate
from tests.kit.stages.stage import Stage

WORKER = os.environ.get("PYTEST_XDIST_WORKER", "")
if WORKER:
    # Each process of the suite sees what it leaves behind itself.
    TMPDIR = Path(os.environ["TMPDIR"]) / WORKER
    TMPDIR.mkdir(exist_ok=True)
    os.environ["TMPDIR"] = tempfile.tempdir = str(TMPDIR)

TEMPLATE = "template_of_tests"
# The same examples in every run: what a change breaks fails at once, and nothing else fails by chance.
# `OPTIONS=--hypothesis-profile=default` looks at others.
settings.register_profile(
    "suite", max_examples=50, derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("suite")
close_late_connections()
gc.disable()  # until all tests are found: what is made until then stays

# Files that mostly wait, for processes, outages or leases, begin first: one that began last would keep the
# others waiting for it. They are in these folders, and the longest come first.
BEGIN_FIRST = (
    "tests/integration/docs",
    "tests/fault",
    "tests/integration/api/openapi",
    "tests/integration/deploy",
    "tests/soak",
    "tests/integration/api/server",
    "tests/security/worker",
    "tests/integration/worker",
)


def pytest_configure(config: pytest.Config) -> None:
    """Have each process of the suite begin to collect at a file of its own.

    Pytest compiles each file of tests, and keeps what it has compiled. It takes 9 s of CPU where nothing is
    compiled yet. Processes that go through the files in one order all do it; so, each does a part.
    """
    if WORKER and [Path(word).resolve() for word in config.args] == [ROOT / "tests"]:
        files = sorted(str(path) for path in (ROOT / "tests").rglob("test_*.py"))
        begin = len(files) * int(WORKER.removeprefix("gw")) // config.workerinput["workercount"]  # type: ignore[attr-defined]
        config.args = [*files[begin:], *files[:begin]]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of slow folders first, and those with the shared browser last, in the session's loop.

    xdist hands files out in this order (tests/__main__.py). While tests without that browser run, its loop
    stands still: so they are not between those with it. Of these, the ones that mostly wait begin first.
    """
    sharing = [item for item in items if "shared" in getattr(item, "fixturenames", ())]
    for item in sharing:
        item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)
    shared_files = {item.path for item in sharing}

    def place(item: pytest.Item) -> tuple[int, str]:
        file = item.path.relative_to(ROOT).as_posix()
        if item.path in shared_files:
            return len(BEGIN_FIRST) + (1 if item.path.parent.name == "waiting" else 2), file
        return next(
            (n for n, first in enumerate(BEGIN_FIRST) if file.startswith(first)), len(BEGIN_FIRST)
        ), file

    items.sort(key=place)


def pytest_collection_finish() -> None:
    """Have the garbage collector leave alone what all tests share: it took a sixth of a second in each.

    These are 300,000 objects of modules and of pytest, looked at anew whenever a test makes many of its own.
    """
    gc.collect()
    gc.freeze()
    gc.enable()


@pytest.fixture(scope="session", autouse=True)
def nothing_left_behind(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """After the last test no process of the tests is alive and the temporary folder is as before."""
    folder = Path(os.environ.get("TMPDIR", "/tmp"))  # noqa: S108 - where the tests' programs put things
    own = tmp_path_factory.getbasetemp().parent
    before = set(folder.iterdir())
    yield
    stop_all()
    FORKS.stop()
    alive = [child for child in psutil.Process().children(recursive=True) if child.is_running()]
    assert not alive, f"left running: {[child.cmdline() for child in alive]}"
    left = {path for path in folder.iterdir() if not own.is_relative_to(path)} - before
    assert not left, f"left on disk: {left}"


@pytest.fixture(autouse=True)
def default_logging() -> Iterator[None]:
    """What a test does to the logging of this process ends with it."""
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers, root.level = handlers, level
    structlog.reset_defaults()


@pytest.fixture(scope="session")
def engines(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    """Redis, Postgres and S3 on free ports."""
    with Engines.start(tmp_path_factory.mktemp("engines")) as started:
        os.environ.update(started.s3_environment)
        # It guards against a machine that loses its power, which no test has; a killed Postgres loses nothing
        # without it. Copying a database takes a third of the time. The password is hashed once instead of
        # 4096 times for each connection.
        password = started.data_dir.secrets.postgres_password
        settings = ("fsync = off", "scram_iterations = 1")
        statements = [f"ALTER SYSTEM SET {setting}" for setting in settings]
        asyncio.run(run_sql(started.database_url, *statements, "SELECT pg_reload_conf()"))
        renewed = ("SET scram_iterations = 1", f"ALTER ROLE {USER} PASSWORD '{password}'")
        asyncio.run(run_sql(started.database_url, *renewed))
        yield started


@pytest.fixture(scope="session")
def template_database(engines: Engines) -> str:
    """A migrated database, to be copied; migrating takes a second."""
    asyncio.run(run_sql(engines.database_url, f"CREATE DATABASE {TEMPLATE}"))
    url = with_database(engines.database_url, TEMPLATE)
    environment = {**os.environ, "RENDERFLEET_DATABASE_URL": url}
    said = asyncio.run(command("migrations", environment=environment))
    assert said.code == 0, said
    return TEMPLATE


@pytest.fixture(scope="session")
def databases(engines: Engines, template_database: str) -> Databases:
    """Those that tests have used and may use again."""
    return Databases(engines.database_url, template_database)


@pytest.fixture
async def database_url(databases: Databases) -> AsyncIterator[str]:
    """A database of this test's own, without rows."""
    async with databases.one() as url:
        yield url


@pytest.fixture
def database_settings(database_url: str) -> DatabaseSettings:
    return DatabaseSettings(database_url=database_url, database_timeout_s=60)  # the longest


@pytest.fixture
async def database(database_settings: DatabaseSettings) -> AsyncIterator[Database]:
    pool = await Database.open(database_settings, application="tests")
    yield pool
    pool.terminate()


@pytest.fixture
async def redis(engines: Engines) -> AsyncIterator[ArqRedis]:
    """An empty Redis."""
    client = arq_adapter.connect(engines.redis_url, timeout_s=2)
    await client.flushdb()
    yield client
    await client.aclose(close_connection_pool=True)


@pytest.fixture
def storage_settings(engines: Engines) -> StorageSettings:
    return StorageSettings(s3_endpoint_url=engines.s3_endpoint_url)


@pytest.fixture
async def tenant_key(database: Database) -> str:
    """An API key with every scope."""
    async with database.connection() as connection:
        return await create_key(connection, tenant_name="tests", key_name="tests", scopes=frozenset(Scope))


@pytest.fixture
async def tenant(database: Database, tenant_key: str) -> Tenant:
    found = await find_tenant(database, tenant_key)
    assert found is not None
    return found


@pytest.fixture
def tenant_id(tenant: Tenant) -> UUID:
    return tenant.id


@pytest.fixture
async def stage(
    engines: Engines,
    database: Database,
    database_url: str,
    redis: ArqRedis,
    tenant_id: UUID,
    *,
    tmp_path: Path,
) -> AsyncIterator[Stage]:
    """The whole product but its workers."""
    async with gate() as opened:
        yield Stage(engines, database_url, database, redis, tenant_id, opened, tmp_path)
