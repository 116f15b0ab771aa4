"""Key rotation: seals all secrets with the newest key, and retires the old keys. Contains all SQL for this.

Jobs and schedules may change meanwhile, because each row is locked while it is sealed again.
"""

from dataclasses import dataclass
from typing import Final

from fleet.database import Database
from fleet.vault.enrolment import enrol
from fleet.vault.sealing import Purpose, SecretOwner, Vault


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """A column with sealed secrets, in a table with the columns `id` and `tenant_id`.

    Attributes:
        key: name of the column with the id of the key.
    """

    table: str
    column: str
    key: str
    purpose: Purpose


# All sealed columns. If one were missing here, its foreign key would keep the old keys from being retired.
SEALED: Final = (
    SealedColumn("jobs", "secrets", "sealed_by", Purpose.JOB),
    SealedColumn("jobs", "content", "content_sealed_by", Purpose.JOB),
    SealedColumn("schedules", "secrets", "sealed_by", Purpose.SCHEDULE),
    SealedColumn("bundles", "data_key", "sealed_by", Purpose.BUNDLE),
    SealedColumn("webhook_endpoints", "secret", "sealed_by", Purpose.WEBHOOK),
    SealedColumn("webhook_endpoints", "previous_secret", "previous_sealed_by", Purpose.WEBHOOK),
    SealedColumn("api_keys", "link_key", "link_key_sealed_by", Purpose.LINK_KEY),
)

_OLD: Final = """
    SELECT id, tenant_id, {column} AS sealed FROM {table} WHERE {key} <> $1 LIMIT $2 FOR UPDATE
"""
_SEAL: Final = "UPDATE {table} SET {column} = $2 WHERE id = $1"
_RETIRE: Final = "DELETE FROM secret_keys WHERE id <> $1 RETURNING id"
# Each row may have 2 MiB.
_ROWS_PER_STEP: Final = 20


@dataclass(frozen=True, slots=True)
class Rotation:
    """Result of a rotation.

    Attributes:
        sealed: how many secrets of each table were sealed again.
        retired: ids of the keys that are no longer needed.
    """

    sealed: dict[str, int]
    retired: list[bytes]


async def rotate(database: Database, vault: Vault) -> Rotation:
    """Seal all secrets with the newest key, and retire all other keys.

    Raises:
        WrongKeyError: the vault does not have one of the fleet's keys; nothing was changed.
        UnsealError: a secret is damaged; secrets that were sealed again before it stay so.
        UnavailableError: Postgres does not answer; another call continues where this one stopped.
    """
    await enrol(database, vault)
    sealed: dict[str, int] = {}
    for column in SEALED:
        sealed[column.table] = sealed.get(column.table, 0) + await _seal_again(database, vault, column)
    retired = await database.fetch(_RETIRE, vault.newest_id)
    return Rotation(sealed, [row["id"] for row in retired])


async def _seal_again(database: Database, vault: Vault, column: SealedColumn) -> int:
    names = {"table": column.table, "column": column.column, "key": column.key}
    count = 0
    while True:
        async with database.transaction() as connection:
            rows = await connection.fetch(_OLD.format(**names), vault.newest_id, _ROWS_PER_STEP)
            for row in rows:
                owner = SecretOwner(column.purpose, row["tenant_id"], row["id"])
                sealed = vault.seal(vault.unseal(row["sealed"], owner=owner), owner=owner)
                await connection.execute(_SEAL.format(**names), row["id"], sealed)
        count += len(rows)
        if not rows:
            return count
