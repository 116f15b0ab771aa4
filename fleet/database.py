"""Connections to Postgres. Every wait has a limit.

UnavailableError means that Postgres does not answer. Its subclass OperatorError means that Postgres refuses
us, or that a setting or the database is wrong: waiting does not help.
"""

import asyncio
import os
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final, Self, TypeAlias, TypeVar

import asyncpg
from pydantic import Field

from fleet.database_errors import address_understood, errors_translated, needing_schema
from fleet.errors import UnavailableError
from fleet.setting_names import FILE_SUFFIX, PREFIX
from fleet.settings import Address, DataSettings, FleetSettings, SettingsError, load_settings
from fleet.telemetry.logs import get_logger

if TYPE_CHECKING:
    from asyncpg.pool import PoolConnectionProxy

    Pool: TypeAlias = asyncpg.Pool[asyncpg.Record]
    DatabaseConnection: TypeAlias = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
else:
    Pool = asyncpg.Pool
    DatabaseConnection = asyncpg.Connection


T = TypeVar("T")

# While Postgres is away, a call that has to succeed is repeated after so many seconds.
RETRY_S: Final = 0.5

log = get_logger(__name__)


class DatabaseSettings(FleetSettings):
    """Where Postgres is and how long one statement may take."""

    database_url: Address = Field(
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
    database_pooling: str = Field(
        default="session",
        pattern=r"^(session|transaction)$",
        description="`transaction`: DATABASE_URL is that of a pooler, such as PgBouncer, which may give each "
        "transaction another connection. `session`: it is that of Postgres.",
    )

    @property
    def keeps_session(self) -> bool:
        """Whether one transaction finds what the one before has left in its connection."""
        return self.database_pooling == "session"

    @property
    def statement_cache_size(self) -> int:
        """How many prepared statements asyncpg keeps for a connection: 100 is its own default."""
        # They belong to a session. Without a cache, each is prepared without a name, where it is used.
        return 100 if self.keeps_session else 0


# In DATA_DIR while `make run` runs: the address of its Postgres (deploy/embedded/run.py writes it).
URL_FILE: Final = "database-url"


def command_settings() -> DatabaseSettings:
    """Settings for commands: from the environment, or else those of the `make run` that runs.

    Raises:
        SettingsError: the environment names no database, and no `make run` has its data in DATA_DIR.
    """
    variable = f"{PREFIX}DATABASE_URL"
    if {variable, variable + FILE_SUFFIX} & os.environ.keys():
        return load_settings(DatabaseSettings)
    folder = load_settings(DataSettings).data_dir
    try:
        url = (folder / URL_FILE).read_text().strip()
    except OSError:
        raise SettingsError(
            f"renderfleet: {PREFIX}DATABASE_URL is not set, and no `make run` is running with its data in "
            f"{folder}. Set the variable, or start `make run` and call this from the same folder "
            f"({PREFIX}DATA_DIR names another one)."
        ) from None
    return DatabaseSettings(database_url=url)


class _BoundedPool(Pool):
    """asyncpg's pool, but waiting for a free connection has the same time limit as everything else."""

    acquire_timeout_s: float

    def acquire(self, *, timeout: float | None = None) -> Any:
        return super().acquire(timeout=self.acquire_timeout_s if timeout is None else timeout)


class Database:
    """The connections of one process to Postgres. Every wait has a limit.

    If Postgres does not answer, each method here raises UnavailableError (of type database_unavailable, with
    the driver's error as its cause), and so does each function that takes a Database. Then nothing was
    written; or everything was written, if the connection broke during the commit.
    """

    def __init__(self, settings: DatabaseSettings, *, application: str, eager: bool = True) -> None:
        """Do not connect yet. Call this in the event loop that will use the connections.

        Args:
            settings: address, size and limits.
            application: what the process is, for `pg_stat_activity` and `fleet/connection_count.py`.
            eager: whether `connect` makes the first connection, and so finds a wrong address.
        """
        self._pool = _BoundedPool(
            settings.database_url,
            connection_class=asyncpg.Connection,
            record_class=asyncpg.Record,
            min_size=1 if eager else 0,
            max_size=settings.database_pool_size,
            max_queries=50_000,  # the default of asyncpg.create_pool
            # An idle connection that a firewall dropped would cost the next caller a whole time-out.
            max_inactive_connection_lifetime=60,
            connect=None,
            setup=None,
            init=None,
            reset=_keep_session,
            loop=asyncio.get_running_loop(),
            server_settings=_session_settings(application, settings),
            timeout=settings.database_timeout_s,
            command_timeout=settings.database_timeout_s,
            statement_cache_size=settings.statement_cache_size,
        )
        self._pool.acquire_timeout_s = settings.database_timeout_s

    @classmethod
    async def open(cls, settings: DatabaseSettings, *, application: str, eager: bool = True) -> Self:
        """Make a Database and connect it.

        Raises:
            UnavailableError: Postgres does not answer (only when eager).
        """
        database = cls(settings, application=application, eager=eager)
        await database.connect()
        return database

    async def connect(self) -> None:
        """Connect. Call this once, before any other method.

        Raises:
            UnavailableError: Postgres does not answer (only when eager).
            OperatorError: it refuses the login, or the address cannot be understood (only when eager).
        """
        with errors_translated(), address_understood():
            await self._pool

    async def fetch(self, sql: str, *arguments: object) -> list[asyncpg.Record]:
        """All rows of a statement."""
        with errors_translated():
            return await self._pool.fetch(sql, *arguments)

    async def fetchrow(self, sql: str, *arguments: object) -> asyncpg.Record | None:
        """The first row of a statement; None: it has none."""
        with errors_translated():
            return await self._pool.fetchrow(sql, *arguments)

    async def fetchval(self, sql: str, *arguments: object) -> Any:
        """The first value of the first row of a statement; None: it has none."""
        with errors_translated():
            return await self._pool.fetchval(sql, *arguments)

    async def execute(self, sql: str, *arguments: object) -> str:
        """Run a statement; returns Postgres' words for what it did, such as `UPDATE 1`."""
        with errors_translated():
            return await self._pool.execute(sql, *arguments)

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[DatabaseConnection]:
        """One connection for several statements."""
        with errors_translated():
            async with self._pool.acquire() as connection:
                yield connection

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[DatabaseConnection]:
        """One connection, in a transaction that is committed when the block ends without an error."""
        async with self.connection() as connection, connection.transaction():
            yield connection

    async def close(self, *, timeout_s: float = 3.0) -> None:
        """Wait for running statements, but at most `timeout_s` seconds, then close all connections."""
        try:
            async with asyncio.timeout(timeout_s):
                await self._pool.close()
        except (TimeoutError, OSError):
            self._pool.terminate()

    def terminate(self) -> None:
        """Close all connections at once."""
        self._pool.terminate()


@asynccontextmanager
async def connected(settings: DatabaseSettings) -> AsyncIterator[DatabaseConnection]:
    """A single connection, for a command that a person runs.

    Raises:
        UnavailableError: Postgres does not answer.
        OperatorError: it refuses the login, or lacks the tables.
    """
    connection = await connect_once(settings)
    try:
        with errors_translated(), needing_schema():
            yield connection
    finally:
        await connection.close()


async def connect_once(settings: DatabaseSettings) -> "asyncpg.Connection[asyncpg.Record]":
    """A connection that the caller closes.

    Raises:
        UnavailableError: Postgres does not answer.
        OperatorError: it refuses the login, or the address cannot be understood.
    """
    with errors_translated(), address_understood():
        return await asyncpg.connect(
            settings.database_url,
            timeout=settings.database_timeout_s,
            statement_cache_size=settings.statement_cache_size,
        )


async def until_answered(call: Callable[[], Awaitable[T]], *, failing: str, **ids: str) -> T:
    """Repeat a call until Postgres answers it.

    Args:
        call: something that is safe to repeat.
        failing: what cannot be done meanwhile, for the log, such as "cannot claim".
        **ids: more for the log.
    """
    while True:
        try:
            return await call()
        except UnavailableError as error:
            log.warning(failing, error=repr(error.__cause__), **ids)
            await asyncio.sleep(RETRY_S)


def _session_settings(application: str, settings: DatabaseSettings) -> dict[str, str]:
    """The name of the process: what it is, how many connections it may hold, and a mark of its own."""
    name = f"renderfleet-{application}/{settings.database_pool_size}/{secrets.token_hex(4)}"
    # PgBouncer refuses parameters that it does not know.
    return {"application_name": name, "jit": "off"} if settings.keeps_session else {"application_name": name}


async def _keep_session(_connection: object) -> None:
    """Skip asyncpg's reset, which costs a round trip: our statements change no state of the session."""
