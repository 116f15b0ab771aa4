"""A process that starts knows whether Postgres has connections enough for all that run."""

import pytest
import structlog.testing

from fleet.connection_count import check_connections
from fleet.database import Database, DatabaseSettings
from fleet.errors import OperatorError
from tests.kit.data.databases import run_sql


async def allowed(database: Database) -> int:
    """What the embedded Postgres has for ordinary roles."""
    return int(
        await database.fetchval(
            "SELECT sum(setting::int * CASE name WHEN 'max_connections' THEN 1 ELSE -1 END) FROM pg_settings"
            " WHERE name IN ('max_connections', 'superuser_reserved_connections', 'reserved_connections')"
        )
    )


def own(database_url: str, size: int, pooling: str = "session") -> DatabaseSettings:
    return DatabaseSettings(database_url=database_url, database_pool_size=size, database_pooling=pooling)


async def test_processes_that_may_hold_too_many_are_added_up(database_url: str) -> None:
    sizes = {"api": 90, "worker": 100}
    opened = [
        await Database.open(own(database_url, size), application=name)
        for name, size in sizes.items()
        for _ in range(2)
    ]
    try:
        room = await allowed(opened[0])
        with structlog.testing.capture_logs() as lines:
            await check_connections(opened[0], own(database_url, 90))
    finally:
        for database in opened:
            database.terminate()
    (line,) = lines
    assert line["allowed"] == room
    assert line["held_by"].startswith("2 api x 90, 2 worker x 100")
    assert line["at_most"] >= 380
    assert "max_connections" in line["fix"]
    assert "RENDERFLEET_DATABASE_POOL_SIZE" in line["fix"]


async def test_a_process_that_fits_says_nothing(database: Database, database_url: str) -> None:
    with structlog.testing.capture_logs() as lines:
        await check_connections(database, own(database_url, 1))
    assert lines == []


async def test_a_process_that_alone_may_hold_too_many_is_refused(
    database: Database, database_url: str
) -> None:
    name = database_url.rpartition("/")[2]
    await run_sql(database_url, f"ALTER DATABASE {name} CONNECTION LIMIT 20")
    await check_connections(database, own(database_url, 20))
    with pytest.raises(OperatorError, match="POOL_SIZE is 21, but Postgres allows this user only 20"):
        await check_connections(database, own(database_url, 21))


async def test_behind_a_pooler_nothing_is_counted(database: Database, database_url: str) -> None:
    with structlog.testing.capture_logs() as lines:
        await check_connections(database, own(database_url, 100, "transaction"))
    assert lines == []
