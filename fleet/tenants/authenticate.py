"""Finds the tenant of an API key. All SQL for this is here."""

import hashlib
import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from fleet.database import Database
from fleet.tenants.tenant import IS_VALID, TENANT_COLUMNS, Tenant, tenant_from_row
from fleet.vault import Purpose, SecretOwner, Vault


@dataclass(frozen=True, slots=True)
class KeyDigest:
    """What may be kept of a key in memory: the key cannot be derived from it."""

    id: str
    secret_sha256: bytes


@dataclass(frozen=True, slots=True)
class LinkKey:
    """What checks the links that an API key has signed.

    Attributes:
        tenant: the tenant of the API key.
        key: the key of the signatures; None: the API key was made without one.
    """

    tenant: Tenant
    key: bytes | None


_KEY: Final = re.compile(r"rf_([a-z0-9]{12})_([A-Za-z0-9_-]{43})", re.ASCII)
# Also records the use, at most once a minute for each key, so that no call waits for another statement.
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

_ENDED: Final = f"""
    SELECT id FROM unnest($1::text[]) AS asked (id)
    WHERE NOT EXISTS (SELECT FROM api_keys WHERE api_keys.id = asked.id AND {IS_VALID})
"""


def digest_of(key: str) -> KeyDigest | None:
    """The digest of a key; None if the text is not a key."""
    match = _KEY.fullmatch(key)
    return None if match is None else KeyDigest(match[1], hashlib.sha256(match[2].encode()).digest())


async def find_by_digest(database: Database, digest: KeyDigest) -> Tenant | None:
    """The tenant of a key; None if the key is unknown, revoked or expired."""
    row = await database.fetchrow(_FIND_KEY, digest.id, digest.secret_sha256)
    if row is None or not hmac.compare_digest(digest.secret_sha256, row["secret_sha256"]):
        return None
    return tenant_from_row(row)


async def ended_keys(database: Database, key_ids: Sequence[str]) -> list[str]:
    """Those of these keys that do not work any more: revoked, expired or deleted."""
    return [row["id"] for row in await database.fetch(_ENDED, key_ids)]


async def find_link_key(database: Database, vault: Vault, key_id: str) -> LinkKey | None:
    """What checks the links of this API key; None if the key is unknown, revoked or expired.

    Raises:
        UnsealError: this process does not have the key that it is sealed with.
    """
    row = await database.fetchrow(_FIND_LINK_KEY, key_id)
    if row is None:
        return None
    tenant, sealed = tenant_from_row(row), row["link_key"]
    return LinkKey(tenant, sealed and vault.unseal(sealed, owner=link_key_owner(tenant.id, key_id)))


def link_key_owner(tenant_id: UUID, key_id: str) -> SecretOwner:
    """The owner of the link key of an API key, for sealing."""
    return SecretOwner(Purpose.LINK_KEY, tenant_id, key_id)
