"""Enrols keys: Postgres knows the ids of the keys that this fleet uses, and refuses all others.

Each sealed column contains the id of its key, and a foreign key (`..._sealed_by`) requires that this id is
enrolled. So a process with a wrong key cannot store anything, and no key can be retired that is still needed.
"""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import asyncpg

from fleet.database import Database
from fleet.database_errors import needing_schema
from fleet.errors import ErrorType, OperatorError
from fleet.telemetry.logs import get_logger
from fleet.vault.sealing import Vault

T = TypeVar("T")

_KNOWN: Final = "SELECT id FROM secret_keys"
# Two processes with different keys may find an empty table at the same time. With the lock, the second one
# sees the key of the first.
_LOCK: Final = "LOCK TABLE secret_keys IN SHARE ROW EXCLUSIVE MODE"
_ENROL: Final = "INSERT INTO secret_keys (id) VALUES ($1) ON CONFLICT DO NOTHING"
_FOREIGN_KEYS: Final = "_sealed_by"

log = get_logger(__name__)


class WrongKeyError(OperatorError):
    """This process does not have a key that the fleet uses."""

    def __init__(self, missing: set[bytes]) -> None:
        super().__init__(
            ErrorType.SECRETS_UNREADABLE,
            "this server does not have a key that its fleet uses",
            fix=f"RENDERFLEET_SECRET_KEYS lacks the key {', '.join(sorted(key.hex() for key in missing))}, "
            "which this fleet's secrets are sealed with. Give all processes the same keys or, if no keys are "
            "set, the same DATA_DIR/secret-key. See docs/operations/keys.md.",
        )


async def enrol(database: Database, vault: Vault) -> None:
    """Check that this process has every key of its fleet, and enrol the key that it seals with.

    Raises:
        WrongKeyError: this process does not have one of the fleet's keys; nothing was changed.
        fleet.errors.OperatorError: the database lacks the table, or this role may not use it.
    """
    with needing_schema():
        async with database.transaction() as connection:
            if _is_enrolled(await connection.fetch(_KNOWN), vault):
                return
            await connection.execute(_LOCK)
            if not _is_enrolled(await connection.fetch(_KNOWN), vault):
                await connection.execute(_ENROL, vault.newest_id)
                log.info("a new key for secrets is enrolled", key_id=vault.newest_id.hex())


def _is_enrolled(rows: list[asyncpg.Record], vault: Vault) -> bool:
    known = {row["id"] for row in rows}
    if missing := known - vault.key_ids:
        raise WrongKeyError(missing)
    return vault.newest_id in known


async def writing_sealed(database: Database, vault: Vault, write: Callable[[], Awaitable[T]]) -> T:
    """Write rows with sealed columns. If Postgres does not know the key yet, enrol it and write again.

    Args:
        database: connections to Postgres.
        vault: has sealed the columns.
        write: one transaction; it may be called twice.

    Raises:
        WrongKeyError: this process does not have one of the fleet's keys; nothing was written.
    """
    try:
        return await write()
    except asyncpg.ForeignKeyViolationError as error:
        if not (error.constraint_name or "").endswith(_FOREIGN_KEYS):
            raise
    try:
        await enrol(database, vault)
    except WrongKeyError as error:
        log.error("secrets cannot be sealed: a key is missing", fix=error.fix)  # noqa: TRY400
        raise
    return await write()
