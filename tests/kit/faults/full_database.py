"""Lets Postgres refuse every write to one table as it does when its disk is full."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fleet.database import Database

_REFUSE = """
    CREATE OR REPLACE FUNCTION refuse_as_if_full() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '53100';
    END $$
"""


@asynccontextmanager
async def full_database(database: Database, event: str) -> AsyncIterator[None]:
    """While the block runs, statements of this kind are refused.

    Args:
        database: of the test.
        event: such as `INSERT ON jobs`.
    """
    await database.execute(_REFUSE)
    await database.execute(f"CREATE TRIGGER full_disk BEFORE {event} EXECUTE FUNCTION refuse_as_if_full()")
    try:
        yield
    finally:
        await database.execute(f"DROP TRIGGER full_disk ON {event.rpartition(' ON ')[2]}")
