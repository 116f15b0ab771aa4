"""No test finds in its database what another one has left there."""

import asyncpg
import pytest

from tests.kit.data.databases import Databases, run_sql

ROW = "INSERT INTO tenants (id, name) VALUES (gen_random_uuid(), 'left behind')"


async def tenants(url: str) -> list[str]:
    connection = await asyncpg.connect(url)
    try:
        return [row["name"] for row in await connection.fetch("SELECT name FROM tenants")]
    finally:
        await connection.close()


async def fleet(url: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    try:
        return list(await connection.fetch("SELECT * FROM fleet"))
    finally:
        await connection.close()


async def test_rows_are_gone_and_those_of_the_migrations_are_back(databases: Databases) -> None:
    async with databases.one() as used:
        before = await fleet(used)
        await run_sql(used, ROW, "DELETE FROM fleet")
    async with databases.one() as again:
        assert again == used
        assert await tenants(again) == []
        assert await fleet(again) == before != []


async def test_what_still_talks_to_it_is_ended(databases: Databases) -> None:
    async with databases.one() as used:
        forgotten = await asyncpg.connect(used)
        await forgotten.execute("BEGIN; LOCK tenants")
    async with databases.one() as again:
        assert again == used
        await run_sql(again, ROW)
    with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
        await forgotten.execute("COMMIT")
    forgotten.terminate()


@pytest.mark.parametrize(
    "change",
    [
        "CREATE TABLE mine (id int)",
        "ALTER TABLE tenants ADD COLUMN mine int",
        "ALTER TABLE jobs RENAME COLUMN warnings TO mine",
        "ALTER TABLE attempts DROP CONSTRAINT attempts_pkey CASCADE",
        "CREATE FUNCTION mine() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "GRANT SELECT ON tenants TO PUBLIC",
        "DO $$ BEGIN EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database()); END $$",
        # It has grown, and searches it in another way than a small one.
        "INSERT INTO tenants (id, name) SELECT gen_random_uuid(), n FROM generate_series(1, 40000) AS n",
    ],
)
async def test_a_database_that_is_changed_in_other_ways_is_used_no_more(
    databases: Databases, change: str
) -> None:
    async with databases.one() as used:
        await run_sql(used, change)
    async with databases.one() as next_one:
        assert next_one != used
