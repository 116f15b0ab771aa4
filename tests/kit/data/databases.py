"""Databases for tests: each test has one to itself, as the migrations have left it.

To copy and drop a database takes 0.2 s of CPU, to empty one takes 10 ms. So the next test gets the database
of an earlier one, emptied. A database of which a test has changed anything but rows is dropped.
"""

import itertools
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

# What is not rows: tables, columns, constraints, functions, triggers, rights and settings, each with the
# transaction that wrote it; and whether the tables have grown, because deleted rows leave their space.
_SHAPE = """
SELECT md5(string_agg(line, ' ' ORDER BY line)) FROM (
  SELECT format('%s %s %s', tableoid, oid, xmin) AS line FROM pg_class WHERE oid >= 16384
  UNION ALL SELECT format('%s %s %s', attrelid, attnum, xmin) FROM pg_attribute WHERE attrelid >= 16384
  UNION ALL SELECT format('%s %s %s', tableoid, oid, xmin) FROM pg_constraint WHERE oid >= 16384
  UNION ALL SELECT format('%s %s %s', tableoid, oid, xmin) FROM pg_proc WHERE oid >= 16384
  UNION ALL SELECT format('%s %s %s', tableoid, oid, xmin) FROM pg_trigger WHERE oid >= 16384
  UNION ALL SELECT format('%s %s %s', tableoid, oid, xmin) FROM pg_namespace
  UNION ALL SELECT format('%s %s', datacl, datconnlimit) FROM pg_database WHERE datname = current_database()
  UNION ALL SELECT format('%s', setconfig) FROM pg_db_role_setting WHERE setrole = 0 OR setdatabase > 0
  UNION ALL SELECT format('%s', sum(pg_relation_size(oid)) > 4 << 20) FROM pg_class WHERE oid >= 16384
)
"""
_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1"
_SEQUENCES = "SELECT format('%I', sequencename) FROM pg_sequences WHERE schemaname = 'public'"
_END_OTHERS = """
SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
"""


def with_database(url: str, name: str) -> str:
    """The address of another database of the same server."""
    return f"{url.rpartition('/')[0]}/{name}"


async def run_sql(url: str, *statements: str) -> None:
    """Run statements in a connection of their own."""
    async with _connection(url) as connection:
        for statement in statements:
            await connection.execute(statement)


class Databases:
    """The databases of one Postgres that tests have used and may use again."""

    def __init__(self, server_url: str, template: str) -> None:
        self._server_url = server_url
        self._template = template
        self._free: list[str] = []
        self._numbers = itertools.count()
        self._shape: str | None = None
        self._emptying = ""
        self._rows: dict[str, Sequence[asyncpg.Record]] = {}

    @asynccontextmanager
    async def one(self) -> AsyncIterator[str]:
        """The address of a database for one test."""
        if self._shape is None:
            await self._look_at_template()
        name = self._free.pop() if self._free else await self._copy()
        url = with_database(self._server_url, name)
        yield url
        if await self._emptied(url):
            self._free.append(name)
        else:
            await run_sql(self._server_url, f"DROP DATABASE {name} WITH (FORCE)")

    async def _copy(self) -> str:
        name = f"test_{next(self._numbers)}"
        await run_sql(self._server_url, f"CREATE DATABASE {name} TEMPLATE {self._template}")
        return name

    async def _look_at_template(self) -> None:
        """Note how it is, and what rows the migrations have made."""
        async with _connection(with_database(self._server_url, self._template)) as connection:
            tables = [row[0] for row in await connection.fetch(_TABLES)]
            sequences = [row[0] for row in await connection.fetch(_SEQUENCES)]
            for table in tables:
                if rows := await connection.fetch(f"SELECT * FROM {table}"):  # noqa: S608 - from the catalog
                    self._rows[table] = rows
            statements = [f"DELETE FROM {table}" for table in tables]  # noqa: S608
            statements += [f"ALTER SEQUENCE {sequence} RESTART" for sequence in sequences]
            self._emptying = ";".join(statements)
            self._shape = await connection.fetchval(_SHAPE)

    async def _emptied(self, url: str) -> bool:
        """Make it as it was; False if that takes more than rows."""
        try:
            async with _connection(url) as connection:
                await connection.execute(_END_OTHERS)
                if await connection.fetchval(_SHAPE) != self._shape:
                    return False
                async with connection.transaction():
                    # Without foreign keys and triggers.
                    await connection.execute("SET LOCAL session_replication_role = replica")
                    await connection.execute(self._emptying)
                    for table, rows in self._rows.items():
                        await connection.copy_records_to_table(table, records=rows)
        except (OSError, asyncpg.PostgresError):
            return False
        return True


@asynccontextmanager
async def _connection(url: str) -> AsyncIterator[Any]:
    connection = await asyncpg.connect(url)
    try:
        yield connection
    finally:
        await connection.close()
