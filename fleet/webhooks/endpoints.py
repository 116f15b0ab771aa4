"""Endpoints of webhooks: where a tenant's messages go, and the secrets that sign them. All SQL of them.

An endpoint is a webhook address without query and fragment, and has one secret: `whsec_` and the base64 of 32
random bytes, as the specification wants it (standardwebhooks.com, "Signature scheme"). It lies sealed in the
database (`fleet/vault`). After a rotation the old one stays beside the new one for a while, so that receivers
can change theirs without losing a message.
"""

import base64
import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import asyncpg
import uuid_utils.compat as uuid_utils

from fleet.database import Database
from fleet.vault import Purpose, SecretOwner, Vault, writing_sealed

# What a tenant may make by sending each job to another address stays bounded.
MAX_ENDPOINTS: Final = 1_000
OVERLAP: Final = timedelta(hours=24)
_SECRET_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One row of `webhook_endpoints`, its secrets unsealed.

    Attributes:
        previous_secret: signs beside `secret` until `previous_secret_until`; None when that is over.
        disabled_at: when its receiver answered 410 Gone; nothing is sent there until its owner says so.
    """

    id: UUID
    tenant_id: UUID
    url: str
    secret: str = field(repr=False)
    previous_secret: str | None = field(repr=False)
    previous_secret_until: datetime | None
    disabled_at: datetime | None
    created_at: datetime

    @property
    def secrets(self) -> tuple[str, ...]:
        """All that sign now, the newest first."""
        return (self.secret,) if self.previous_secret is None else (self.secret, self.previous_secret)


_COLUMNS: Final = """
    id, tenant_id, url, secret, disabled_at, created_at,
    CASE WHEN previous_secret_until > now() THEN previous_secret END AS previous_secret,
    CASE WHEN previous_secret_until > now() THEN previous_secret_until END AS previous_secret_until
"""
# Two at the same moment may pass the limit by one each, which harms nobody.
_REGISTER: Final = f"""
    INSERT INTO webhook_endpoints (id, tenant_id, url, secret)
    SELECT $1, $2, $3, $4 WHERE (SELECT count(*) FROM webhook_endpoints WHERE tenant_id = $2) < $5
    ON CONFLICT (tenant_id, endpoint) DO NOTHING
    RETURNING {_COLUMNS}
"""
_FIND: Final = f"""
    SELECT {_COLUMNS} FROM webhook_endpoints WHERE tenant_id = $1 AND endpoint = webhook_endpoint($2)
"""
_ENABLE: Final = f"""
    UPDATE webhook_endpoints SET disabled_at = NULL WHERE tenant_id = $1 AND endpoint = webhook_endpoint($2)
    RETURNING {_COLUMNS}
"""
_GET: Final = f"SELECT {_COLUMNS} FROM webhook_endpoints WHERE id = $1 AND tenant_id = $2"
_LIST: Final = f"""
    SELECT {_COLUMNS} FROM webhook_endpoints WHERE tenant_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3
"""
_ROTATE: Final = f"""
    UPDATE webhook_endpoints
    SET secret = $3, previous_secret = secret, previous_secret_until = now() + $4::interval
    WHERE id = $1 AND tenant_id = $2
    RETURNING {_COLUMNS}
"""
_DISABLE: Final = "UPDATE webhook_endpoints SET disabled_at = now() WHERE id = $1 AND disabled_at IS NULL"
# What waits for it ends with it: nobody who deletes an address wants to hear from it once more.
_DELETE: Final = """
    WITH deleted AS (
        DELETE FROM webhook_endpoints WHERE id = $1 AND tenant_id = $2 RETURNING tenant_id, endpoint
    ), failed AS (
        UPDATE webhook_outbox SET state = 'failed', error = $3, ended_at = now(), sending_until = NULL
        FROM deleted
        WHERE webhook_outbox.tenant_id = deleted.tenant_id AND webhook_outbox.endpoint = deleted.endpoint
          AND state = 'pending'
    )
    SELECT count(*) FROM deleted
"""


def endpoint_of(url: str) -> str:
    """The endpoint's address: without query and fragment, which may hold secrets and differ by job."""
    return url.partition("#")[0].partition("?")[0]


def new_secret() -> str:
    """A secret that nobody can guess."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def _owner(endpoint_id: UUID, tenant_id: UUID) -> SecretOwner:
    return SecretOwner(Purpose.WEBHOOK, tenant_id, endpoint_id)


def _sealed_secret(vault: Vault, endpoint_id: UUID, tenant_id: UUID) -> bytes:
    return vault.seal(new_secret().encode(), owner=_owner(endpoint_id, tenant_id))


def _endpoint(row: asyncpg.Record, vault: Vault) -> Endpoint:
    values = {name: row[name] for name in Endpoint.__slots__}
    owner = _owner(row["id"], row["tenant_id"])
    for name in ("secret", "previous_secret"):
        if values[name] is not None:
            values[name] = vault.unseal(values[name], owner=owner).decode()
    return Endpoint(**values)


async def find_or_make(
    database: Database, vault: Vault, *, tenant_id: UUID, url: str, limit: int = MAX_ENDPOINTS
) -> Endpoint | None:
    """The endpoint of a webhook address, made when there is none; None: the tenant has too many.

    Raises:
        fleet.vault.UnsealError: its secret cannot be read.
    """
    row = await database.fetchrow(_FIND, tenant_id, url)
    row = row or await _register(database, vault, tenant_id, url, limit)
    row = row or await database.fetchrow(_FIND, tenant_id, url)  # made by somebody else in between
    return None if row is None else _endpoint(row, vault)


async def _register(
    database: Database, vault: Vault, tenant_id: UUID, url: str, limit: int
) -> asyncpg.Record | None:
    endpoint_id = uuid_utils.uuid7()
    sealed = _sealed_secret(vault, endpoint_id, tenant_id)
    arguments = (endpoint_id, tenant_id, endpoint_of(url), sealed, limit)
    return await writing_sealed(database, vault, lambda: database.fetchrow(_REGISTER, *arguments))


async def register(
    database: Database, vault: Vault, *, tenant_id: UUID, url: str, limit: int = MAX_ENDPOINTS
) -> tuple[Endpoint, bool] | None:
    """Make an endpoint, or enable the known one; with it, whether it is new. None: the tenant has too many.

    Raises:
        fleet.vault.UnsealError: its secret cannot be read.
    """
    row = await _register(database, vault, tenant_id, url, limit)
    if row is not None:
        return _endpoint(row, vault), True
    row = await database.fetchrow(_ENABLE, tenant_id, url)
    return None if row is None else (_endpoint(row, vault), False)


async def get(database: Database, vault: Vault, *, endpoint_id: UUID, tenant_id: UUID) -> Endpoint | None:
    """One endpoint of this tenant; None also for one of somebody else.

    Raises:
        fleet.vault.UnsealError: its secret cannot be read.
    """
    row = await database.fetchrow(_GET, endpoint_id, tenant_id)
    return None if row is None else _endpoint(row, vault)


async def list_newest(
    database: Database, vault: Vault, *, tenant_id: UUID, before: UUID, limit: int
) -> list[Endpoint]:
    """A page of this tenant's endpoints, newest first, older than `before`.

    Raises:
        fleet.vault.UnsealError: the secret of one cannot be read.
    """
    rows = await database.fetch(_LIST, tenant_id, before, limit)
    return [_endpoint(row, vault) for row in rows]


async def rotate(database: Database, vault: Vault, *, endpoint_id: UUID, tenant_id: UUID) -> Endpoint | None:
    """Give it a new secret; the old one signs too for `OVERLAP`. None: there is no such endpoint.

    Raises:
        fleet.vault.UnsealError: the old one cannot be read.
    """
    arguments = (endpoint_id, tenant_id, _sealed_secret(vault, endpoint_id, tenant_id), OVERLAP)
    row = await writing_sealed(database, vault, lambda: database.fetchrow(_ROTATE, *arguments))
    return None if row is None else _endpoint(row, vault)


async def disable(database: Database, endpoint_id: UUID) -> None:
    """Send nothing there any more: its receiver is gone for good."""
    await database.execute(_DISABLE, endpoint_id)


async def delete(database: Database, *, endpoint_id: UUID, tenant_id: UUID, reason: str) -> bool:
    """Delete it with its secrets; what waits to be sent there fails for `reason`. False: there is none."""
    return bool(await database.fetchval(_DELETE, endpoint_id, tenant_id, reason))
