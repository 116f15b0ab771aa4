"""Tenants and their API keys as a call meets them, with the SQL of it.

A key reads `rf_<id>_<secret>`; the secret holds 256 random bits and is stored as SHA-256, which is enough for
a secret that nobody can guess (OWASP's slow hashes are for passwords). What operators see and change of
tenants is in `fleet/accounts.py`, of keys in `fleet/credentials.py`.
"""

import hashlib
import hmac
import re
import secrets
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

import asyncpg
import uuid_utils.compat as uuid_utils

from fleet.database import Connection, Pool, answering
from fleet.links import link_key
from fleet.vault import Owner, Purpose, Vault


class Scope(StrEnum):
    """What a key may do."""

    RENDER = "render"
    READ = "read"
    LINKS = "links"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Tenant:
    """Who calls, as its API key says. A limit that is None is the setting's.

    Attributes:
        weight: its share of a busy fleet; 1 is usual.
        max_queued: how many queued jobs it may have.
        max_requests_per_s: how many calls it may make.
        burst: how many of them may come at once.
        max_renders_per_month: how many jobs it may have accepted in a month (UTC).
        egress_allow: what it reaches besides the settings' addresses, as `EGRESS_ALLOW` is written.
        egress_deny: what it does not reach, as `EGRESS_DENY` is written.
    """

    id: UUID
    key_id: str
    scopes: frozenset[Scope]
    weight: float = 1.0
    max_queued: int | None = None
    max_requests_per_s: float | None = None
    burst: int | None = None
    max_renders_per_month: int | None = None
    egress_allow: tuple[str, ...] = ()
    egress_deny: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class KeyDigest:
    """A key as it may be remembered: nobody can make the key of it."""

    id: str
    secret_sha256: bytes


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A key that was just made.

    Attributes:
        key: the whole of it, which nobody can show again.
        id: the part of it that is no secret.
    """

    key: str
    id: str


@dataclass(frozen=True, slots=True)
class LinkKey:
    """Whose links an API key signs, and how they are checked.

    Attributes:
        key: None: the API key was made without one.
    """

    tenant: Tenant
    key: bytes | None


_KEY: Final = re.compile(r"rf_([a-z0-9]{12})_([A-Za-z0-9_-]{43})", re.ASCII)

# Inserting a tenant of a known name gives the known one, so that `keys create` can be repeated.
_UPSERT_TENANT: Final = """
    INSERT INTO tenants (id, name) VALUES ($1, $2)
    ON CONFLICT (name) DO UPDATE SET name = excluded.name
    RETURNING id
"""
_INSERT_KEY: Final = """
    INSERT INTO api_keys (id, tenant_id, name, secret_sha256, scopes, expires_at, link_key)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
"""
# When a key counts.
IS_VALID: Final = (
    "api_keys.revoked_at IS NULL AND (api_keys.expires_at IS NULL OR api_keys.expires_at > now())"
)
# What `tenant_from_row` reads, of keys that are joined with their tenant.
TENANT_COLUMNS: Final = """
    tenants.id AS tenant_id, api_keys.id AS key_id, scopes, weight, max_queued, max_requests_per_s, burst,
    max_renders_per_month, egress_allow, egress_deny
"""
# The use is written down here, once a minute for each key that is used: no call waits for a statement more.
_FIND_KEY: Final = f"""
    WITH used AS (
        UPDATE api_keys SET last_used_at = now()
        WHERE id = $1 AND secret_sha256 = $2 AND {IS_VALID}
          AND (last_used_at IS NULL OR last_used_at < now() - interval '1 minute')
    )
    SELECT {TENANT_COLUMNS}, secret_sha256 FROM api_keys JOIN tenants ON tenants.id = tenant_id
    WHERE api_keys.id = $1 AND {IS_VALID}
"""
_FIND_LINK_KEY: Final = f"""
    SELECT {TENANT_COLUMNS}, link_key FROM api_keys JOIN tenants ON tenants.id = tenant_id
    WHERE api_keys.id = $1 AND {IS_VALID}
"""


async def issue_key(
    connection: Connection,
    *,
    tenant_id: UUID,
    name: str,
    scopes: frozenset[Scope],
    expires_at: datetime | None = None,
    vault: Vault | None = None,
) -> IssuedKey:
    """Make a key of a tenant that there is.

    Args:
        connection: to Postgres.
        tenant_id: whose.
        name: the operator's own name for it.
        scopes: what it may do.
        expires_at: when it stops working; None: never.
        vault: seals the key of its links, and is enrolled (`fleet.vault.enrol`); None: it can sign none.
    """
    key_id = secrets.token_hex(6)
    secret = secrets.token_urlsafe(32)
    digest = hashlib.sha256(secret.encode()).digest()
    sealed = vault and vault.seal(link_key(secret), owner=_owner(tenant_id, key_id))
    await connection.execute(_INSERT_KEY, key_id, tenant_id, name, digest, sorted(scopes), expires_at, sealed)
    return IssuedKey(key=f"rf_{key_id}_{secret}", id=key_id)


async def create_key(
    connection: Connection,
    *,
    tenant_name: str,
    key_name: str,
    scopes: frozenset[Scope],
    expires_at: datetime | None = None,
    vault: Vault | None = None,
) -> str:
    """Make a key, and its tenant where there is none of that name. The secret is shown this once only."""
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


def digest_of(key: str) -> KeyDigest | None:
    """What is kept of a key; None for a text that is none."""
    match = _KEY.fullmatch(key)
    return None if match is None else KeyDigest(match[1], hashlib.sha256(match[2].encode()).digest())


async def find_by_digest(pool: Pool, digest: KeyDigest) -> Tenant | None:
    """The tenant of a key; None for a key that is unknown, revoked or expired.

    Raises:
        UnavailableError: Postgres does not answer.
    """
    async with answering():
        row = await pool.fetchrow(_FIND_KEY, digest.id, digest.secret_sha256)
    if row is None or not hmac.compare_digest(digest.secret_sha256, row["secret_sha256"]):
        return None
    return tenant_from_row(row)


async def find_link_key(pool: Pool, vault: Vault, key_id: str) -> LinkKey | None:
    """What checks the links that this API key has signed; None when it is unknown, revoked or expired.

    Raises:
        UnsealError: this process lacks the key that it is sealed by.
        UnavailableError: Postgres does not answer.
    """
    async with answering():
        row = await pool.fetchrow(_FIND_LINK_KEY, key_id)
    if row is None:
        return None
    tenant, sealed = tenant_from_row(row), row["link_key"]
    return LinkKey(tenant, sealed and vault.unseal(sealed, owner=_owner(tenant.id, key_id)))


def _owner(tenant_id: UUID, key_id: str) -> Owner:
    return Owner(Purpose.LINK_KEY, tenant_id, key_id)


def tenant_from_row(row: asyncpg.Record) -> Tenant:
    """Make a Tenant of a row that holds `TENANT_COLUMNS`."""
    return Tenant(
        id=row["tenant_id"],
        key_id=row["key_id"],
        scopes=frozenset(Scope(word) for word in row["scopes"]),
        weight=row["weight"],
        max_queued=row["max_queued"],
        max_requests_per_s=row["max_requests_per_s"],
        burst=row["burst"],
        max_renders_per_month=row["max_renders_per_month"],
        egress_allow=tuple(row["egress_allow"]),
        egress_deny=tuple(row["egress_deny"]),
    )
