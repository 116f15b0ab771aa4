"""How many connections the fleet may hold together, compared with how many Postgres allows.

Each process says in its name in `pg_stat_activity` how many it may hold (`fleet/database.py`). So each one
that starts can add up what all may hold, on all machines, and warn before Postgres refuses a connection.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from fleet.database import Database, DatabaseSettings
from fleet.errors import ErrorType, OperatorError, UnavailableError
from fleet.setting_names import PREFIX
from fleet.telemetry.logs import get_logger

# Any role may read these columns, also of the connections of other roles.
_COUNT: Final = """
SELECT
  current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
    - coalesce(current_setting('reserved_connections', true)::int, 0) AS allowed,
  least((SELECT nullif(datconnlimit, -1) FROM pg_database WHERE datname = current_database()),
        (SELECT nullif(rolconnlimit, -1) FROM pg_roles WHERE rolname = current_user)) AS own_limit,
  (SELECT array_agg(application_name) FROM pg_stat_activity WHERE backend_type = 'client backend') AS names
"""

log = get_logger(__name__)


@dataclass(frozen=True)
class ConnectionCount:
    """What may be held, by whom, and what is allowed.

    Attributes:
        allowed: connections that Postgres has for ordinary roles.
        held_by: in words, such as `3 worker x 8, 1 api x 8, 2 of other programs`.
        at_most: how many these may hold together.
    """

    allowed: int
    held_by: str
    at_most: int

    @classmethod
    def of(cls, allowed: int, names: Iterable[str]) -> "ConnectionCount":
        """Add up the processes that have at least one connection now, by the names of all connections."""
        ours, others = set(), 0
        for name in names:
            what, _, rest = name.partition("/")
            size, _, mark = rest.partition("/")
            if what.startswith("renderfleet-") and size.isdecimal() and mark:
                ours.add((what.removeprefix("renderfleet-"), int(size), mark))
            else:
                others += 1
        kinds = Counter((what, size) for what, size, _ in ours)
        words = [f"{count} {what} x {size}" for (what, size), count in sorted(kinds.items())]
        words += [f"{others} of other programs"] * bool(others)
        at_most = others + sum(size * count for (_, size), count in kinds.items())
        return cls(allowed, ", ".join(words), at_most)


async def check_connections(database: Database, settings: DatabaseSettings) -> None:
    """Warn if the processes that run now, this one among them, may hold more connections than there are.

    Behind a pooler nothing is checked: there the pooler holds the connections to Postgres.

    Raises:
        OperatorError: this process alone may hold more than there are.
        UnavailableError: Postgres does not answer.
    """
    if not settings.keeps_session:
        return
    row = await database.fetchrow(_COUNT)
    if row is None:
        raise UnavailableError(ErrorType.DATABASE_UNAVAILABLE, "Postgres does not answer")
    own_limit = min(row["allowed"], row["own_limit"] or row["allowed"])
    if settings.database_pool_size > own_limit:
        raise OperatorError(
            ErrorType.DATABASE_UNAVAILABLE,
            "the database has too few connections",
            fix=f"{PREFIX}DATABASE_POOL_SIZE is {settings.database_pool_size}, but Postgres allows this user "
            f"only {own_limit} connections. Lower the one, or raise max_connections of Postgres (or the "
            "CONNECTION LIMIT of the role or the database).",
        )
    count = ConnectionCount.of(row["allowed"], row["names"])
    if count.at_most > count.allowed:
        log.warning(
            "postgres may run out of connections",
            allowed=count.allowed,
            at_most=count.at_most,
            held_by=count.held_by,
            fix=f"raise max_connections of Postgres by {count.at_most - count.allowed}, lower "
            f"{PREFIX}DATABASE_POOL_SIZE, or put PgBouncer in front (docs/operations/size.md)",
        )
