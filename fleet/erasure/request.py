"""Asking that a tenant be erased, and reading how far that has come. All SQL for this."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final
from uuid import UUID

import asyncpg

from fleet.database import Database


class ErasureStage(StrEnum):
    """How far the erasing of a tenant has come."""

    ENDING_JOBS = "ending_jobs"
    ERASING = "erasing"
    SETTLING = "settling"
    ERASED = "erased"


@dataclass(frozen=True, slots=True)
class Erasure:
    """One row of `tenant_erasures`.

    Attributes:
        counts: what was erased so far, by its kind.
        finished_at: when nothing was left; None: it goes on.
    """

    tenant_id: UUID
    stage: ErasureStage
    counts: Mapping[str, int]
    requested_at: datetime
    finished_at: datetime | None


_COLUMNS: Final = "tenant_id, stage, counts, requested_at, finished_at"
_READ: Final = f"SELECT {_COLUMNS} FROM tenant_erasures WHERE tenant_id = $1"
_LOCK_TENANT: Final = "SELECT FROM tenants WHERE id = $1 FOR UPDATE"
_REQUEST: Final = "INSERT INTO tenant_erasures (tenant_id) VALUES ($1) ON CONFLICT DO NOTHING"
# The name is free for another tenant from now on.
_RENAME: Final = "UPDATE tenants SET name = 'erased ' || id WHERE id = $1"
_REVOKE: Final = (
    "UPDATE api_keys SET revoked_at = coalesce(revoked_at, now()) WHERE tenant_id = $1 RETURNING id"
)


async def request(database: Database, tenant_id: UUID) -> list[str] | None:
    """Ask that a tenant be erased. From now on none of its keys works, and its name is free.

    It can be repeated safely.

    Returns:
        The ids of its keys. None: there is no such tenant, or it is gone already.

    Raises:
        UnavailableError: Postgres does not answer; call again.
    """
    async with database.transaction() as connection:
        if await connection.fetchrow(_LOCK_TENANT, tenant_id) is None:
            return None
        await connection.execute(_REQUEST, tenant_id)
        await connection.execute(_RENAME, tenant_id)
        return [row["id"] for row in await connection.fetch(_REVOKE, tenant_id)]


async def read(database: Database, tenant_id: UUID) -> Erasure | None:
    """How far the erasing of this tenant has come. None: nobody has asked for it."""
    row = await database.fetchrow(_READ, tenant_id)
    return None if row is None else _erasure(row)


def _erasure(row: asyncpg.Record) -> Erasure:
    values = dict(row)
    return Erasure(
        **{**values, "stage": ErasureStage(values["stage"]), "counts": json.loads(values["counts"])}
    )
