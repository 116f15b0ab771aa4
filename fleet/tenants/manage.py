"""Makes, lists and changes tenants. All SQL for this is here.

`fleet/tenants/authenticate.py` reads what the calls of a tenant need.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg
import uuid_utils.compat as uuid_utils

from fleet.database import Database, DatabaseConnection
from fleet.tenants.usage import THIS_MONTH


@dataclass(frozen=True, slots=True)
class TenantAccount:
    """One row of `tenants`. If a limit is None, the setting applies.

    Attributes:
        renders_this_month: how many jobs were accepted since the month began (UTC).
    """

    id: UUID
    name: str
    created_at: datetime
    weight: float
    max_queued: int | None
    max_running: int | None
    max_requests_per_s: float | None
    burst: int | None
    max_renders_per_month: int | None
    egress_allow: tuple[str, ...]
    egress_deny: tuple[str, ...]
    renders_this_month: int

    @property
    def is_being_erased(self) -> bool:
        """Whether an operator has asked that it be erased: then its name is free (`fleet/erasure`)."""
        return self.name == f"erased {self.id}"


# The columns that can be changed.
CHANGEABLE: Final = (
    "weight",
    "max_queued",
    "max_running",
    "max_requests_per_s",
    "burst",
    "max_renders_per_month",
    "egress_allow",
    "egress_deny",
)
_COLUMNS: Final = f"""
    id, name, created_at, {", ".join(CHANGEABLE)},
    (SELECT coalesce(sum(accepted), 0)::bigint FROM tenant_months
     WHERE tenant_id = tenants.id AND month = {THIS_MONTH}) AS renders_this_month
"""
_INSERT: Final = f"""
    INSERT INTO tenants (id, name) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING RETURNING {_COLUMNS}
"""
_GET: Final = f"SELECT {_COLUMNS} FROM tenants WHERE id = $1"
_LIST: Final = f"SELECT {_COLUMNS} FROM tenants WHERE id < $1 ORDER BY id DESC LIMIT $2"
_FIND: Final = f"SELECT {_COLUMNS} FROM tenants WHERE name = $1"
_NAMES: Final = "SELECT name FROM tenants ORDER BY id DESC LIMIT $1"
# Enough to guess a misspelt name; to compare more names would take seconds.
_NAMES_COMPARED: Final = 10_000


async def create(database: Database, name: str, changes: Mapping[str, object]) -> TenantAccount | None:
    """Make a tenant; None: there is one with this name.

    Args:
        database: connections to Postgres.
        name: 1 to 100 characters.
        changes: as in `change`.
    """
    async with database.transaction() as connection:
        row = await connection.fetchrow(_INSERT, uuid_utils.uuid7(), name)
        if row is None:
            return None
        return await change(connection, row["id"], changes) if changes else _account(row)


async def change(
    connection: DatabaseConnection, tenant_id: UUID, changes: Mapping[str, object]
) -> TenantAccount | None:
    """Change what a tenant may have; None: there is no such tenant.

    Args:
        connection: to Postgres.
        tenant_id: which.
        changes: by the names in `CHANGEABLE`; a limit that is None takes the setting again.
    """
    unknown = set(changes) - set(CHANGEABLE)
    if unknown:
        raise ValueError(f"no such columns: {unknown}")
    columns = [f"{column} = ${number}" for number, column in enumerate(changes, start=2)]
    statement = f"UPDATE tenants SET {', '.join(columns)} WHERE id = $1 RETURNING {_COLUMNS}"
    row = await connection.fetchrow(statement, tenant_id, *changes.values())
    return None if row is None else _account(row)


async def get(database: Database, tenant_id: UUID) -> TenantAccount | None:
    """One tenant."""
    row = await database.fetchrow(_GET, tenant_id)
    return None if row is None else _account(row)


async def list_newest(database: Database, *, before: UUID, limit: int) -> list[TenantAccount]:
    """A page of all tenants, newest first, older than `before`."""
    rows = await database.fetch(_LIST, before, limit)
    return [_account(row) for row in rows]


async def find(connection: DatabaseConnection, name: str) -> TenantAccount | None:
    """The tenant with this name."""
    row = await connection.fetchrow(_FIND, name)
    return None if row is None else _account(row)


async def names(connection: DatabaseConnection) -> list[str]:
    """Names of tenants, the newest first."""
    return [row["name"] for row in await connection.fetch(_NAMES, _NAMES_COMPARED)]


def _account(row: asyncpg.Record) -> TenantAccount:
    values: dict[str, Any] = {name: row[name] for name in TenantAccount.__slots__}
    for name in ("egress_allow", "egress_deny"):
        values[name] = tuple(values[name])
    return TenantAccount(**values)
