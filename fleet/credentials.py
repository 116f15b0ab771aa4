"""API keys as the operator sees and revokes them, never with their secrets. All SQL of it.

How a key is made and found again is in `fleet/tenants.py`.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

import asyncpg

from fleet.database import Connection, Pool, answering
from fleet.tenants import IS_VALID, Scope


@dataclass(frozen=True, slots=True)
class Credential:
    """One row of `api_keys`.

    Attributes:
        id: the part of the key that is no secret.
        last_used_at: to the minute or so; None: never.
        expires_at: when it stops working by itself; None: never.
        revoked_at: when it was revoked; None: it was not.
    """

    id: str
    tenant_id: UUID
    tenant_name: str
    name: str
    scopes: frozenset[Scope]
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None
    revoked_at: datetime | None


class Revocation(StrEnum):
    """What came of revoking a key."""

    REVOKED = "revoked"
    REVOKED_BEFORE = "revoked_before"
    UNKNOWN = "unknown"
    LAST_ADMIN = "last_admin"


_COLUMNS: Final = """
    api_keys.id, tenant_id, tenants.name AS tenant_name, api_keys.name, scopes, api_keys.created_at,
    last_used_at, expires_at, revoked_at
"""
_GET: Final = f"SELECT {_COLUMNS} FROM api_keys JOIN tenants ON tenants.id = tenant_id WHERE api_keys.id = $1"
# Ids of keys are random: the page goes on behind the key that the last one ended with.
_LIST: Final = f"""
    SELECT {_COLUMNS} FROM api_keys JOIN tenants ON tenants.id = tenant_id
    WHERE ($1::uuid IS NULL OR tenant_id = $1)
      AND ($2::text IS NULL OR (api_keys.created_at, api_keys.id)
                               < (SELECT last.created_at, last.id FROM api_keys AS last WHERE last.id = $2))
    ORDER BY api_keys.created_at DESC, api_keys.id DESC LIMIT $3
"""
_LIST_ALL: Final = f"""
    SELECT {_COLUMNS} FROM api_keys JOIN tenants ON tenants.id = tenant_id
    WHERE $1::text IS NULL OR tenants.name = $1
    ORDER BY api_keys.created_at DESC, api_keys.id DESC
"""
_REVOKE: Final = "UPDATE api_keys SET revoked_at = now() WHERE id = $1 AND revoked_at IS NULL RETURNING id"
# Who revokes an admin's key waits here for whoever does the same, and then sees what is left.
_LOCK_ADMINS: Final = f"""
    SELECT id FROM api_keys WHERE 'admin' = ANY(scopes) AND {IS_VALID} ORDER BY id FOR UPDATE
"""
_EXISTS: Final = "SELECT EXISTS (SELECT FROM api_keys WHERE id = $1)"


async def get(pool: Pool, key_id: str) -> Credential | None:
    """One key.

    Raises:
        UnavailableError: Postgres does not answer.
    """
    async with answering():
        row = await pool.fetchrow(_GET, key_id)
    return None if row is None else _credential(row)


async def list_newest(
    pool: Pool, *, tenant_id: UUID | None, after: str | None, limit: int
) -> list[Credential]:
    """A page of keys, newest first.

    Args:
        pool: connections to Postgres.
        tenant_id: only this tenant's; None: all.
        after: the last key of the page before; None for the first page.
        limit: how many.

    Raises:
        UnavailableError: Postgres does not answer.
    """
    async with answering():
        rows = await pool.fetch(_LIST, tenant_id, after, limit)
    return [_credential(row) for row in rows]


async def list_all(connection: Connection, *, tenant_name: str | None) -> list[Credential]:
    """All keys, or those of the tenant of this name, newest first."""
    return [_credential(row) for row in await connection.fetch(_LIST_ALL, tenant_name)]


async def revoke(connection: Connection, key_id: str, *, spares_last_admin: bool) -> Revocation:
    """End a key for good. Repeating is safe.

    Args:
        connection: to Postgres.
        key_id: which.
        spares_last_admin: refuse if it is the only key with the scope `admin` that works.
    """
    async with connection.transaction():
        admins = [row["id"] for row in await connection.fetch(_LOCK_ADMINS)]
        if spares_last_admin and admins == [key_id]:
            return Revocation.LAST_ADMIN
        if await connection.fetchval(_REVOKE, key_id) is not None:
            return Revocation.REVOKED
        is_known = await connection.fetchval(_EXISTS, key_id)
        return Revocation.REVOKED_BEFORE if is_known else Revocation.UNKNOWN


async def has_admin(connection: Connection) -> bool:
    """Whether any key with the scope `admin` works."""
    return bool(await connection.fetch(_LOCK_ADMINS))


def _credential(row: asyncpg.Record) -> Credential:
    values = {name: row[name] for name in Credential.__slots__}
    values["scopes"] = frozenset(Scope(word) for word in values["scopes"])
    return Credential(**values)
