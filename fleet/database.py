"""Connections to Postgres, with a limit on every wait, and one word for "it does not answer"."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, TypeAlias

import asyncpg
from pydantic import Field

from fleet.errors import ErrorType, UnavailableError
from fleet.settings import FleetSettings

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
else:
    Pool = asyncpg.Pool
    Connection = asyncpg.Connection


class DatabaseSettings(FleetSettings):
    """Where Postgres is and how long one statement may take."""

    database_url: str = Field(
        pattern=r"^postgres(ql)?://",
        description="Postgres 15 or newer, as `postgresql://user:password@host:port/database`.",
    )
    database_pool_size: int = Field(
        default=8, ge=1, le=100, description="Connections to Postgres that one process may hold."
    )
    database_timeout_s: float = Field(
        default=5.0,
        gt=0,
        le=60,
        description="Seconds that connecting, waiting for a connection, or one statement may take.",
    )


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


class _BoundedPool(Pool):
    """asyncpg's pool, whose `acquire` waits for a free connection no longer than for anything else."""

    acquire_timeout_s: float

    def acquire(self, *, timeout: float | None = None) -> Any:
        return super().acquire(timeout=self.acquire_timeout_s if timeout is None else timeout)


async def _keep_session(_connection: object) -> None:
    """Skip asyncpg's reset on release, a second round trip: no statement of ours leaves anything behind."""


async def open_pool(settings: DatabaseSettings, *, application: str, eager: bool = True) -> Pool:
    """Open a pool of connections.

    Args:
        settings: address, size and limits.
        application: how the process is called in `pg_stat_activity`.
        eager: make the first connection at once, so that a wrong address ends the start.

    Raises:
        UnavailableError: Postgres does not answer (only when eager).
    """
    pool = _BoundedPool(
        settings.database_url,
        connection_class=asyncpg.Connection,
        record_class=asyncpg.Record,
        min_size=1 if eager else 0,
        max_size=settings.database_pool_size,
        max_queries=50_000,
        # An idle connection that a firewall dropped would cost the next caller a whole time-out.
        max_inactive_connection_lifetime=60,
        connect=None,
        setup=None,
        init=None,
        reset=_keep_session,
        loop=asyncio.get_running_loop(),
        timeout=settings.database_timeout_s,
        command_timeout=settings.database_timeout_s,
        server_settings={"application_name": f"renderfleet-{application}", "jit": "off"},
    )
    pool.acquire_timeout_s = settings.database_timeout_s
    async with answering():
        await pool
    return pool


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
    except asyncpg.InternalClientError as error:
        # A dying server's last words on an idle connection: asyncpg takes no statement until the end is read.
        if "cannot switch to state" in str(error):
            raise UnavailableError(ErrorType.DATABASE_UNAVAILABLE, "Postgres does not answer") from error
        raise
