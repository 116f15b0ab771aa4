"""What it means when Postgres refuses or is silent: one error for all of it, and what an operator can do."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

import asyncpg

from fleet.errors import ErrorType, OperatorError, RenderfleetError, UnavailableError

_URL: Final = "RENDERFLEET_DATABASE_URL"
_POOLING: Final = "RENDERFLEET_DATABASE_POOLING"

# What a caller may try again: the server is away, starting, stopping or silent. Anything else is a mistake of
# ours and must be loud. Classes of https://www.postgresql.org/docs/current/errcodes-appendix.html:
UNREACHABLE: Final = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,  # class 08
    asyncpg.OperatorInterventionError,  # class 57: it starts or stops, or has cancelled a statement
    asyncpg.ReadOnlySQLTransactionError,  # a failover left us on the old primary
)
# It answers, but cannot do it now. The statement was not executed, so this may be tried again, too.
_EXHAUSTED: Final = (
    asyncpg.InsufficientResourcesError,  # class 53: disk full, out of memory, too many connections
    asyncpg.PostgresSystemError,  # class 58: its machine failed, such as an I/O error
)
_EXHAUSTED_DETAIL: Final = "Postgres lacks disk space, memory or connections"


@contextmanager
def errors_translated() -> Iterator[None]:
    """Turn every way in which Postgres can be away or exhausted into one error.

    Raises:
        UnavailableError: of type database_unavailable, with the driver's error as its cause. An OperatorError
            when it refuses the login.
    """
    try:
        yield
    except asyncpg.InvalidAuthorizationSpecificationError as error:
        raise _wrong(f"Postgres refuses the user or password in {_URL}: {error}. Correct them.") from error
    except asyncpg.InvalidCatalogNameError as error:
        raise _wrong(
            f"Postgres lacks the database in {_URL}: {error}. Create it, or correct its name."
        ) from error
    except UNREACHABLE as error:
        raise UnavailableError(ErrorType.DATABASE_UNAVAILABLE, "Postgres does not answer") from error
    except _EXHAUSTED as error:
        raise UnavailableError(ErrorType.DATABASE_UNAVAILABLE, _EXHAUSTED_DETAIL) from error
    except asyncpg.InterfaceError as error:
        # asyncpg says "connection is closed" and "pool is closing" with the class of usage mistakes.
        if "clos" in str(error) or "released" in str(error):
            raise UnavailableError(ErrorType.DATABASE_UNAVAILABLE, "Postgres does not answer") from error
        raise
    except asyncpg.InternalClientError as error:
        # What a server says on an idle connection while it stops: asyncpg takes no statement until the
        # connection's end is read.
        if "cannot switch to state" in str(error):
            raise UnavailableError(ErrorType.DATABASE_UNAVAILABLE, "Postgres does not answer") from error
        raise


def in_words(error: RenderfleetError) -> str:
    """An error for who starts a process or runs a command: it names the setting that is to be looked at."""
    if error.type is not ErrorType.DATABASE_UNAVAILABLE or isinstance(error, OperatorError):
        return str(error)
    cause = str(error.__cause__) or repr(error.__cause__)  # a timeout has no words
    if isinstance(error.__cause__, _EXHAUSTED):
        return f"{error.detail}: {cause}. Give it more, or free what it has, then start this again."
    return (
        f"{error.detail}: {cause}. Check that host and port in {_URL} are right and that Postgres runs there."
    )


@contextmanager
def needing_schema() -> Iterator[None]:
    """Say what to do when tables are missing, or closed to this role, where a process or a command begins.

    Raises:
        OperatorError: tables or columns are missing, or this role may not use them.
    """
    try:
        yield
    except (asyncpg.UndefinedTableError, asyncpg.UndefinedColumnError) as error:
        raise _wrong(
            f"The database of {_URL} lacks what this release needs: {error}. Run `python -m migrations` with "
            f"the same {_URL}."
        ) from error
    except asyncpg.InsufficientPrivilegeError as error:
        raise _wrong(
            f"The user of {_URL} lacks rights: {error}. Name it to `python -m migrations` as "
            "RENDERFLEET_DATABASE_API_ROLE or RENDERFLEET_DATABASE_WORKER_ROLE, which grants them."
        ) from error


@contextmanager
def address_understood() -> Iterator[None]:
    """Say that the address is wrong, where it is read for the first time.

    Raises:
        OperatorError: the driver does not understand it, or a pooler is there instead of Postgres.
    """
    # asyncpg's words for a parameter are good; Python's for a number may hold a part of the password.
    try:
        yield
    except asyncpg.ClientConfigurationError as error:
        raise _wrong(f"{_URL} is wrong: {error}.") from error
    except asyncpg.ProtocolViolationError as error:
        if "startup parameter" not in str(error):
            raise
        raise _wrong(
            f"{_URL} is the address of a pooler, which says: {error}. Set {_POOLING}=transaction."
        ) from error
    except (ValueError, OverflowError) as error:
        raise _wrong(
            f"{_URL} is wrong: it has to be postgresql://user:password@host:port/database."
        ) from error


def _wrong(fix: str) -> OperatorError:
    return OperatorError(ErrorType.DATABASE_UNAVAILABLE, "the database does not serve this server", fix=fix)
