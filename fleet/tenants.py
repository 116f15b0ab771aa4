"""Tenants and their API keys, with their SQL.

A key reads `rf_<id>_<secret>`; the secret holds 256 random bits and is stored as SHA-256, which is enough for
a secret that nobody can guess (OWASP's slow hashes are for passwords).
"""

import hashlib
import hmac
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final
from uuid import UUID

import uuid_utils.compat as uuid_utils

from fleet.database import Connection, Pool, answering


class Scope(StrEnum):
    """What a key may do."""

    RENDER = "render"
    READ = "read"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Tenant:
    """Who calls, as its API key says.

    Attributes:
        weight: its share of a busy fleet; 1 is usual.
        max_queued: how many queued jobs it may have; None takes the setting.
    """

    id: UUID
    key_id: str
    scopes: frozenset[Scope]
    weight: float = 1.0
    max_queued: int | None = None


_KEY: Final = re.compile(r"rf_([a-z0-9]{12})_([A-Za-z0-9_-]{43})", re.ASCII)

# Inserting a tenant of a known name gives the known one, so that `keys create` can be repeated.
_UPSERT_TENANT: Final = """
    INSERT INTO tenants (id, name) VALUES ($1, $2)
    ON CONFLICT (name) DO UPDATE SET name = excluded.name
    RETURNING id
"""
_INSERT_KEY: Final = """
    INSERT INTO api_keys (id, tenant_id, name, secret_sha256, scopes) VALUES ($1, $2, $3, $4, $5)
"""
_FIND_KEY: Final = """
    SELECT tenant_id, secret_sha256, scopes, weight, max_queued
    FROM api_keys JOIN tenants ON tenants.id = tenant_id
    WHERE api_keys.id = $1 AND revoked_at IS NULL
"""


async def create_key(
    connection: Connection, *, tenant_name: str, key_name: str, scopes: frozenset[Scope]
) -> str:
    """Make a key, and its tenant where there is none of that name. The secret is shown this once only."""
    key_id = secrets.token_hex(6)
    secret = secrets.token_urlsafe(32)
    async with connection.transaction():
        tenant_id = await connection.fetchval(_UPSERT_TENANT, uuid_utils.uuid7(), tenant_name)
        digest = hashlib.sha256(secret.encode()).digest()
        await connection.execute(_INSERT_KEY, key_id, tenant_id, key_name, digest, sorted(scopes))
    return f"rf_{key_id}_{secret}"


async def find_tenant(pool: Pool, key: str) -> Tenant | None:
    """The tenant of a key; None for a key that is malformed, unknown or revoked.

    Raises:
        UnavailableError: Postgres does not answer.
    """
    match = _KEY.fullmatch(key)
    if match is None:
        return None
    async with answering():
        row = await pool.fetchrow(_FIND_KEY, match[1])
    digest = hashlib.sha256(match[2].encode()).digest()
    if row is None or not hmac.compare_digest(digest, row["secret_sha256"]):
        return None
    scopes = frozenset(Scope(word) for word in row["scopes"])
    return Tenant(
        id=row["tenant_id"],
        key_id=match[1],
        scopes=scopes,
        weight=row["weight"],
        max_queued=row["max_queued"],
    )


async def set_limits(connection: Connection, *, tenant_name: str, limits: Mapping[str, float | None]) -> bool:
    """Change what a tenant may have; False: there is no such tenant.

    Args:
        connection: to Postgres.
        tenant_name: which.
        limits: any of weight, max_queued and max_running; None takes the setting again.
    """
    changes = [f"{column} = ${number}" for number, column in enumerate(limits, start=2)]
    statement = f"UPDATE tenants SET {', '.join(changes)} WHERE name = $1 RETURNING id"  # noqa: S608 - columns
    return await connection.fetchval(statement, tenant_name, *limits.values()) is not None
