"""Endpoints of webhooks: the addresses of a tenant's messages, and their secrets. Contains all SQL for them.

An endpoint is a webhook URL without query and fragment. It has a secret that signs messages: `whsec_` and the
base64 of 32 random bytes, as in the specification (standardwebhooks.com, "Signature scheme"). The secret is
sealed in the database (`fleet/vault`). After a rotation the old secret is valid besides the new one for a
day, so that receivers can change to the new one without losing a message.
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

# Without this limit a tenant could make any number of endpoints: one with each job.
MAX_ENDPOINTS: Final = 1_000
OVERLAP: Final = timedelta(hours=24)
_SECRET_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One row of `webhook_endpoints`, its secrets unsealed.

    Attributes:
        previous_secret: signs too until `previous_secret_until`; None after that time.
        disabled_at: when its receiver answered 410 Gone. Nothing is sent to it until its owner enables it.
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
        """The secrets that sign now, the newest first."""
        return (self.secret,) if self.previous_secret is None else (self.secret, self.previous_secret)


_COLUMNS: Final = """
    id, tenant_id, url, secret, disabled_at, created_at,
    CASE WHEN previous_secret_until > now() THEN previous_secret END AS previous_secret,
    CASE WHEN previous_secret_until > now() THEN previous_secret_until END AS previous_secret_until
"""
# Two of these at the same time may exceed the limit by one, which does no harm.
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
# Deletes an endpoint with its tests, and fails the messages that wait to be sent to it.
_DELETE: Final = """
    WITH deleted AS (
        DELETE FROM webhook_endpoints WHERE id = $1 AND tenant_id = $2 RETURNING tenant_id, endpoint
    ), failed AS (
        UPDATE webhook_outbox SET state = 'failed', error = $3, ended_at = now(), sending_until = NULL
        FROM deleted
        WHERE webhook_outbox.tenant_id = deleted.tenant_id AND webhook_outbox.endpoint = deleted.endpoint
          AND state = 'pending' AND job_id IS NOT NULL
    ), tests AS (
        DELETE FROM webhook_outbox USING deleted
        WHERE webhook_outbox.tenant_id = deleted.tenant_id AND webhook_outbox.endpoint = deleted.endpoint
          AND job_id IS NULL
    )
    SELECT count(*) FROM deleted
"""


def endpoint_of(url: str) -> str:
    """The address without query and fragment, which may contain secrets and differ from job to job."""
    return url.partition("#")[0].partition("?")[0]


def new_secret() -> str:
    """Make a random secret."""
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
    """Find or make the endpoint of a webhook address. None: the tenant has too many endpoints.

    Raises:
        fleet.vault.UnsealError: its secret cannot be read.
    """
    row = await database.fetchrow(_FIND, tenant_id, url)
    row = row or await _register(database, vault, tenant_id, url, limit)
    row = row or await database.fetchrow(_FIND, tenant_id, url)  # another process has made it meanwhile
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
    """Make an endpoint, or enable an existing one. Returns it and whether it is new; None: too many.

    Raises:
        fleet.vault.UnsealError: its secret cannot be read.
    """
    row = await _register(database, vault, tenant_id, url, limit)
    if row is not None:
        return _endpoint(row, vault), True
    row = await database.fetchrow(_ENABLE, tenant_id, url)
    return None if row is None else (_endpoint(row, vault), False)


async def get(database: Database, vault: Vault, *, endpoint_id: UUID, tenant_id: UUID) -> Endpoint | None:
    """Get an endpoint of this tenant. None: there is none, or it belongs to another tenant.

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
        fleet.vault.UnsealError: the secret of one of them cannot be read.
    """
    rows = await database.fetch(_LIST, tenant_id, before, limit)
    return [_endpoint(row, vault) for row in rows]


async def rotate(database: Database, vault: Vault, *, endpoint_id: UUID, tenant_id: UUID) -> Endpoint | None:
    """Give an endpoint a new secret. The old one is valid for `OVERLAP`, too. None: no such endpoint.

    Raises:
        fleet.vault.UnsealError: the old secret cannot be read.
    """
    arguments = (endpoint_id, tenant_id, _sealed_secret(vault, endpoint_id, tenant_id), OVERLAP)
    row = await writing_sealed(database, vault, lambda: database.fetchrow(_ROTATE, *arguments))
    return None if row is None else _endpoint(row, vault)


async def disable(database: Database, endpoint_id: UUID) -> None:
    """Send nothing to an endpoint any more: its receiver has answered 410 Gone."""
    await database.execute(_DISABLE, endpoint_id)


async def delete(database: Database, *, endpoint_id: UUID, tenant_id: UUID, reason: str) -> bool:
    """Delete an endpoint; its pending messages fail with the error `reason`. False: no such endpoint."""
    return bool(await database.fetchval(_DELETE, endpoint_id, tenant_id, reason))
