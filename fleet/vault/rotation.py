"""A new key for everything that is sealed, and the end of the old ones. All SQL of it.

Jobs that end and schedules that change meanwhile are no trouble: each row is locked while it is sealed anew.
"""

from dataclasses import dataclass
from typing import Final

from fleet.database import Database
from fleet.vault.enrolment import enrol
from fleet.vault.sealing import Purpose, SecretOwner, Vault


@dataclass(frozen=True, slots=True)
class SealedColumn:
    """A column with secrets, in a table with `id` and `tenant_id`.

    Attributes:
        key: the column that names the key.
    """

    table: str
    column: str
    key: str
    purpose: Purpose


# Everything that is sealed. The foreign keys of a table that is missing here keep the old key in use.
SEALED: Final = (
    SealedColumn("jobs", "secrets", "sealed_by", Purpose.JOB),
    SealedColumn("schedules", "secrets", "sealed_by", Purpose.SCHEDULE),
    SealedColumn("webhook_endpoints", "secret", "sealed_by", Purpose.WEBHOOK),
    SealedColumn("webhook_endpoints", "previous_secret", "previous_sealed_by", Purpose.WEBHOOK),
    SealedColumn("api_keys", "link_key", "link_key_sealed_by", Purpose.LINK_KEY),
)

_OLD: Final = """
    SELECT id, tenant_id, {column} AS sealed FROM {table} WHERE {key} <> $1 LIMIT $2 FOR UPDATE
"""
_SEAL: Final = "UPDATE {table} SET {column} = $2 WHERE id = $1"
_RETIRE: Final = "DELETE FROM secret_keys WHERE id <> $1 RETURNING id"
# Each may hold 2 MiB.
_AT_ONCE: Final = 20


@dataclass(frozen=True, slots=True)
class Rotation:
    """What a rotation did.

    Attributes:
        sealed: how many secrets of each table were sealed anew.
        retired: ids of the keys that nothing needs any more.
    """

    sealed: dict[str, int]
    retired: list[bytes]


async def rotate(database: Database, vault: Vault) -> Rotation:
    """Seal everything by the newest key, and retire all others.

    Raises:
        WrongKeyError: the vault lacks a key of the fleet; nothing was changed.
        UnsealError: a secret is damaged; what was sealed anew before stays so.
        UnavailableError: Postgres does not answer; repeating goes on where it ended.
    """
    await enrol(database, vault)
    sealed: dict[str, int] = {}
    for column in SEALED:
        sealed[column.table] = sealed.get(column.table, 0) + await _seal_anew(database, vault, column)
    retired = await database.fetch(_RETIRE, vault.newest_id)
    return Rotation(sealed, [row["id"] for row in retired])


async def _seal_anew(database: Database, vault: Vault, column: SealedColumn) -> int:
    names = {"table": column.table, "column": column.column, "key": column.key}
    count = 0
    while True:
        async with database.transaction() as connection:
            rows = await connection.fetch(_OLD.format(**names), vault.newest_id, _AT_ONCE)
            for row in rows:
                owner = SecretOwner(column.purpose, row["tenant_id"], row["id"])
                sealed = vault.seal(vault.unseal(row["sealed"], owner=owner), owner=owner)
                await connection.execute(_SEAL.format(**names), row["id"], sealed)
        count += len(rows)
        if not rows:
            return count
