"""Makes, lists and revokes API keys. Their secrets are never read back. All SQL for this is here."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

import asyncpg
import uuid_utils.compat as uuid_utils

from fleet.database import Database, DatabaseConnection
from fleet.render.link_signature import link_key
from fleet.tenants.authenticate import link_key_owner
from fleet.tenants.tenant import IS_VALID, Scope
from fleet.vault import Vault


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A key that was just made.

    Attributes:
        key: the whole key, which cannot be shown again.
        id: the part of the key that is not secret.
    """

    key: str
    id: str


# If there is a tenant with this name, it is the result, so that `keys create` can be repeated.
_UPSERT_TENANT: Final = """
    INSERT INTO tenants (id, name) VALUES ($1, $2)
    ON CONFLICT (name) DO UPDATE SET name = excluded.name
    RETURNING id
"""
_INSERT_KEY: Final = """
    INSERT INTO api_keys (id, tenant_id, name, secret_sha256, scopes, expires_at, link_key)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
"""


async def issue_key(
    connection: DatabaseConnection,
    *,
    tenant_id: UUID,
    name: str,
    scopes: frozenset[Scope],
    expires_at: datetime | None = None,
    vault: Vault | None = None,
) -> IssuedKey:
    """Make an API key of an existing tenant.

    Args:
        connection: to Postgres.
        tenant_id: the tenant.
        name: the operator's own name for the key.
        scopes: what the key may do.
        expires_at: when it stops working; None: never.
        vault: seals the key that checks its links, and is enrolled (`fleet.vault.enrol`); None: the API key
            cannot sign links.
    """
    key_id = secrets.token_hex(6)
    secret = secrets.token_urlsafe(32)
    digest = hashlib.sha256(secret.encode()).digest()
    sealed = vault and vault.seal(link_key(secret), owner=link_key_owner(tenant_id, key_id))
    await connection.execute(_INSERT_KEY, key_id, tenant_id, name, digest, sorted(scopes), expires_at, sealed)
    return IssuedKey(key=f"rf_{key_id}_{secret}", id=key_id)


async def create_key(
    connection: DatabaseConnection,
    *,
    tenant_name: str,
    key_name: str,
    scopes: frozenset[Scope],
    expires_at: datetime | None = None,
    vault: Vault | None = None,
) -> str:
    """Make an API key, and its tenant if there is none with that name. The key cannot be shown again."""
    async with connection.transaction():
        tenant_id = await connection.fetchval(_UPSERT_TENANT, uuid_utils.uuid7(), tenant_name)
        issued = await issue_key(
            connection,
            tenant_id=tenant_id,
            name=key_name,
            scopes=scopes,
            expires_at=expires_at,
            vault=vault,
        )
    return issued.key


@dataclass(frozen=True, slots=True)
class ApiKey:
    """One row of `api_keys`.

    Attributes:
        id: the part of the key that is not secret.
        last_used_at: accurate to about a minute; None: never.
        expires_at: when it stops working; None: never.
        revoked_at: when it was revoked; None: it is not revoked.
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
    """The result of revoking a key."""

    REVOKED = "revoked"
    REVOKED_BEFORE = "revoked_before"
    UNKNOWN = "unknown"
    LAST_ADMIN = "last_admin"


_COLUMNS: Final = """
    api_keys.id, tenant_id, tenants.name AS tenant_name, api_keys.name, scopes, api_keys.created_at,
    last_used_at, expires_at, revoked_at
"""
_GET: Final = f"SELECT {_COLUMNS} FROM api_keys JOIN tenants ON tenants.id = tenant_id WHERE api_keys.id = $1"
# Ids of keys are random, so the place of the last key of the previous page is found by its time.
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
# Two operators who revoke admin keys at the same time run one after the other: the second sees what is left.
_LOCK_ADMINS: Final = f"""
    SELECT id FROM api_keys WHERE 'admin' = ANY(scopes) AND {IS_VALID} ORDER BY id FOR UPDATE
"""
_EXISTS: Final = "SELECT EXISTS (SELECT FROM api_keys WHERE id = $1)"


async def get(database: Database, key_id: str) -> ApiKey | None:
    """One key."""
    row = await database.fetchrow(_GET, key_id)
    return None if row is None else _api_key(row)


async def list_newest(
    database: Database, *, tenant_id: UUID | None, after: str | None, limit: int
) -> list[ApiKey]:
    """A page of keys, newest first.

    Args:
        database: connections to Postgres.
        tenant_id: only this tenant's; None: all.
        after: the id of the last key of the previous page; None: the first page.
        limit: how many keys.
    """
    rows = await database.fetch(_LIST, tenant_id, after, limit)
    return [_api_key(row) for row in rows]


async def list_all(connection: DatabaseConnection, *, tenant_name: str | None) -> list[ApiKey]:
    """All keys, or those of the tenant with this name, newest first."""
    return [_api_key(row) for row in await connection.fetch(_LIST_ALL, tenant_name)]


async def revoke(connection: DatabaseConnection, key_id: str, *, spares_last_admin: bool) -> Revocation:
    """Revoke a key. Repeating is safe.

    Args:
        connection: to Postgres.
        key_id: the key.
        spares_last_admin: refuse if it is the last working key with the scope `admin`.
    """
    async with connection.transaction():
        admins = [row["id"] for row in await connection.fetch(_LOCK_ADMINS)]
        if spares_last_admin and admins == [key_id]:
            return Revocation.LAST_ADMIN
        if await connection.fetchval(_REVOKE, key_id) is not None:
            return Revocation.REVOKED
        is_known = await connection.fetchval(_EXISTS, key_id)
        return Revocation.REVOKED_BEFORE if is_known else Revocation.UNKNOWN


async def has_admin(connection: DatabaseConnection) -> bool:
    """Whether any key with the scope `admin` works."""
    return bool(await connection.fetch(_LOCK_ADMINS))


def _api_key(row: asyncpg.Record) -> ApiKey:
    values = {name: row[name] for name in ApiKey.__slots__}
    values["scopes"] = frozenset(Scope(word) for word in values["scopes"])
    return ApiKey(**values)
