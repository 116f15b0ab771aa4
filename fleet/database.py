"""Connections to Postgres, with a limit on every wait, and one word for "it does not answer"."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Final, TypeAlias

import asyncpg

from fleet.errors import ErrorType, UnavailableError
from fleet.settings import DatabaseSettings

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
else:
    Pool = asyncpg.Pool
    Connection = asyncpg.Connection

# What a caller may try again: the server is away, starting, stopping, full, or silent. Anything else is a
# mistake of ours and must be loud. 57P01..57P03 are admin shutdown, crash shutdown, cannot connect now
# (https://www.postgresql.org/docs/current/errcodes-appendix.html).
UNREACHABLE: Final = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    asyncpg.ConnectionDoesNotExistError,
    asyncpg.QueryCanceledError,
    asyncpg.ReadOnlySQLTransactionError,  # a failover left us on the old primary
)


async def open_pool(settings: DatabaseSettings, *, application: str) -> Pool:
    """Open a pool of connections; the first one is made at once, so that a wrong address ends the start.

    Args:
        settings: address, size and limits.
        application: how the process is called in `pg_stat_activity`.

    Raises:
        UnavailableError: Postgres does not answer.
    """
    async with answering():
        return await asyncpg.create_pool(
            settings.database_url,
            min_size=1,
            max_size=settings.database_pool_size,
            timeout=settings.database_timeout_s,
            command_timeout=settings.database_timeout_s,
            # An idle connection that a firewall dropped would cost the next caller a whole time-out.
            max_inactive_connection_lifetime=60,
            server_settings={"application_name": f"renderfleet-{application}", "jit": "off"},
        )


@asynccontextmanager
async def answering() -> AsyncIterator[None]:
    """Translate every way in which Postgres can be away into one error.

    Raises:
        UnavailableError: of type database_unavailable, with the driver's error as its cause.
    """
    try:
        yield
    except UNREACHABLE as error:
        raise UnavailableError(ErrorType.DATABASE_UNAVAILABLE, "Postgres does not answer") from error
    except asyncpg.InterfaceError as error:
        # asyncpg says "connection is closed" and "pool is closing" with the class of usage mistakes.
        if "clos" in str(error) or "released" in str(error):
            raise UnavailableError(ErrorType.DATABASE_UNAVAILABLE, "Postgres does not answer") from error
        raise
