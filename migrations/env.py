"""Runs Alembic: through asyncpg, all migrations in one transaction, with a lock against other processes."""

import asyncio
from functools import partial
from typing import Final

from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from fleet.database import DatabaseSettings, connect_once
from fleet.settings import load_settings
from fleet.telemetry.logs import get_logger
from migrations.grants import MissingRoleError, grants
from migrations.settings import RoleSettings

# An arbitrary number that no other program uses in this database: "rend" in ASCII.
LOCK_ID: Final = 0x72656E64

log = get_logger(__name__)


def _upgrade(connection: Connection) -> None:
    context.configure(connection=connection, target_metadata=None)
    with context.begin_transaction():
        # Held until commit: a second `python -m migrations` waits here, then finds nothing left to do.
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK_ID})
        roles = load_settings(RoleSettings)
        _require_roles(connection, roles)
        context.run_migrations()
        for statement in grants(api_role=roles.database_api_role, worker_role=roles.database_worker_role):
            connection.execute(text(statement))


def _require_roles(connection: Connection, roles: RoleSettings) -> None:
    """Check that the roles of the settings exist.

    Raises:
        MissingRoleError: one of them does not exist.
    """
    for role in filter(None, (roles.database_api_role, roles.database_worker_role)):
        found = connection.execute(text("SELECT 1 FROM pg_roles WHERE rolname = :role"), {"role": role})
        if found.first() is None:
            raise MissingRoleError(role)


async def _run() -> None:
    # asyncpg reads the address, as in all other programs: SQLAlchemy knows neither sslmode nor several hosts.
    engine = create_async_engine(
        "postgresql+asyncpg://",
        async_creator=partial(connect_once, load_settings(DatabaseSettings)),
        poolclass=NullPool,
    )
    try:
        async with engine.connect() as connection:
            await connection.run_sync(_upgrade)
    finally:
        await engine.dispose()
    log.info("schema is up to date")


asyncio.run(_run())
