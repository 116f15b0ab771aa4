"""Whoever starts a program with a wrong setting reads one sentence about it, and no traceback."""

import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import asyncpg
import pytest

from deploy.embedded.engines.engines import Engines
from fleet.database import Database
from fleet.vault import enrol
from fleet.vault.key_file import new_key
from tests.kit.data.vaults import VAULT
from tests.kit.processes import command, free_port, product_environment

PROGRAMS: Final = {
    "api": ("api",),
    "worker": ("worker",),
    "migrations": ("migrations",),
    "keys": ("fleet.keys", "list"),
    "limits": ("fleet.limits", "--tenant", "tests"),
    "vault": ("fleet.vault", "rotate"),
}


@pytest.fixture
def environment(engines: Engines, database_url: str, tmp_path: Path) -> dict[str, str]:
    """Right settings of every program."""
    return {
        **product_environment(engines, database_url, tmp_path),
        "RENDERFLEET_API_PORT": str(free_port()),
        "RENDERFLEET_API_MAX_REQUESTS": "0",
    }


@pytest.fixture
async def empty_database(database_url: str) -> AsyncIterator[str]:
    """A database without tables."""
    name = f"{urlsplit(database_url).path[1:]}_empty"
    connection = await asyncpg.connect(database_url)
    await connection.execute(f"CREATE DATABASE {name}")
    yield database_url.replace(urlsplit(database_url).path, f"/{name}")
    await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
    await connection.close()


@pytest.fixture
async def strangers_database(database_url: str, database: Database) -> AsyncIterator[str]:
    """The address of a user to whom nothing was granted."""
    await database.execute("CREATE ROLE stranger LOGIN PASSWORD 'strange'")
    netloc = urlsplit(database_url).netloc
    yield database_url.replace(netloc, f"stranger:strange@{netloc.partition('@')[2]}")
    await database.execute("DROP ROLE stranger")


async def refused(program: str, environment: dict[str, str]) -> str:
    """Start a program that has to end with exit code 1; what it says."""
    said = await command(*PROGRAMS[program], environment={**os.environ, **environment})
    words = said.output + said.errors
    assert said.code == 1, words
    assert "Traceback" not in words
    return words


def password(url: str) -> str:
    return url.replace(urlsplit(url).password or "", "another")


def user(url: str) -> str:
    return url.replace(urlsplit(url).username or "", "nobody_of_this_name", 1)


def name(url: str) -> str:
    return f"{url}_of_another_name"


def host(url: str) -> str:
    return url.replace("127.0.0.1", "no-such-host.invalid")


def parameter(url: str) -> str:
    return f"{url}?sslmode=maybe"


@pytest.mark.parametrize(
    ("program", "spoil", "reason"),
    [
        ("api", password, "Postgres refuses the user or password"),
        ("worker", password, "Postgres refuses the user or password"),
        ("migrations", password, "Postgres refuses the user or password"),
        ("keys", password, "Postgres refuses the user or password"),
        ("vault", password, "Postgres refuses the user or password"),
        ("worker", user, "Postgres refuses the user or password"),
        ("api", name, "Postgres lacks the database"),
        ("migrations", name, "Postgres lacks the database"),
        ("limits", name, "Postgres lacks the database"),
        ("worker", host, "Postgres does not answer"),
        ("migrations", host, "Postgres does not answer"),
        ("vault", host, "Postgres does not answer"),
        ("api", parameter, "`sslmode` parameter must be one of"),
        ("migrations", parameter, "`sslmode` parameter must be one of"),
    ],
)
async def test_a_wrong_address_of_postgres(
    environment: dict[str, str], program: str, spoil: Callable[[str], str], reason: str
) -> None:
    environment["RENDERFLEET_DATABASE_URL"] = spoil(environment["RENDERFLEET_DATABASE_URL"])
    said = await refused(program, environment)
    assert said.count(reason) == 1
    assert "RENDERFLEET_DATABASE_URL" in said
    assert (urlsplit(environment["RENDERFLEET_DATABASE_URL"]).password or "") not in said


@pytest.mark.parametrize("program", ["api", "worker", "keys", "vault"])
async def test_a_database_without_tables(
    environment: dict[str, str], empty_database: str, program: str
) -> None:
    said = await refused(program, {**environment, "RENDERFLEET_DATABASE_URL": empty_database})
    assert said.count("Run `python -m migrations`") == 1


@pytest.mark.parametrize("program", ["api", "keys"])
async def test_a_user_to_whom_nothing_was_granted(
    environment: dict[str, str], strangers_database: str, program: str
) -> None:
    said = await refused(program, {**environment, "RENDERFLEET_DATABASE_URL": strangers_database})
    assert said.count("RENDERFLEET_DATABASE_API_ROLE") == 1


@pytest.mark.parametrize("program", ["api", "worker"])
async def test_another_key_than_the_fleets(
    environment: dict[str, str], database: Database, program: str
) -> None:
    await enrol(database, VAULT)
    said = await refused(program, {**environment, "RENDERFLEET_SECRET_KEYS": new_key()})
    assert said.count("RENDERFLEET_SECRET_KEYS lacks the key") == 1


@pytest.mark.parametrize("program", ["api", "worker"])
async def test_addresses_that_do_not_parse(environment: dict[str, str], program: str) -> None:
    wrong = {
        "RENDERFLEET_REDIS_URL": "redis://:a@b:c@127.0.0.1:port/0",
        "RENDERFLEET_S3_ENDPOINT_URL": "http://my_store:9000",
    }
    for variable, text in wrong.items():
        said = await refused(program, {**environment, variable: text})
        assert said.count(f"{variable} is wrong: ") == 1
        assert text not in said
