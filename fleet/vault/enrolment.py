"""Which keys this fleet has, as Postgres knows them by their ids, and what a process without one is told.

Each sealed column names its key, and the database takes no key that is not enrolled (foreign keys called
`..._sealed_by`). So a process with a wrong key can seal nothing, whenever it was started, and no key is
retired that something still needs.
"""

from collections.abc import Awaitable, Callable
from typing import Final, TypeVar

import asyncpg

from fleet.database import Database
from fleet.errors import ErrorType, UnavailableError
from fleet.telemetry.logs import get_logger
from fleet.vault.sealing import Vault

T = TypeVar("T")

_KNOWN: Final = "SELECT id FROM secret_keys"
# Two processes with different keys may meet an empty table: one of them is to see the other's.
_LOCK: Final = "LOCK TABLE secret_keys IN SHARE ROW EXCLUSIVE MODE"
_ENROL: Final = "INSERT INTO secret_keys (id) VALUES ($1) ON CONFLICT DO NOTHING"
_FOREIGN_KEYS: Final = "_sealed_by"

log = get_logger(__name__)


class WrongKeyError(UnavailableError):
    """This process lacks a key that the fleet uses."""

    def __init__(self, missing: set[bytes]) -> None:
        super().__init__(ErrorType.SECRETS_UNREADABLE, "this server lacks a key of its fleet")
        self.fix = (
            f"RENDERFLEET_SECRET_KEYS lacks the key {', '.join(sorted(key.hex() for key in missing))}, which "
            "this fleet's secrets are sealed with: give all processes the same keys (or, with none set, the "
            "same DATA_DIR/secret-key). See docs/operations/keys.md."
        )

    def __str__(self) -> str:
        return self.fix


async def enrol(database: Database, vault: Vault) -> None:
    """Make sure that this process has every key of its fleet, and that the fleet knows the one it seals by.

    Raises:
        WrongKeyError: it lacks one; nothing was changed.
    """
    async with database.transaction() as connection:
        if _is_enrolled(await connection.fetch(_KNOWN), vault):
            return
        await connection.execute(_LOCK)
        if not _is_enrolled(await connection.fetch(_KNOWN), vault):
            await connection.execute(_ENROL, vault.newest_id)
            log.info("a key for secrets is in use from now on", key_id=vault.newest_id.hex())


def _is_enrolled(rows: list[asyncpg.Record], vault: Vault) -> bool:
    known = {row["id"] for row in rows}
    if missing := known - vault.key_ids:
        raise WrongKeyError(missing)
    return vault.newest_id in known


async def writing_sealed(database: Database, vault: Vault, write: Callable[[], Awaitable[T]]) -> T:
    """Write what was sealed; at the first use of a key, enrol it and write again.

    Args:
        database: connections to Postgres.
        vault: what has sealed.
        write: one transaction, which is repeated whole.

    Raises:
        WrongKeyError: this process lacks a key of its fleet; nothing was written.
    """
    try:
        return await write()
    except asyncpg.ForeignKeyViolationError as error:
        if not (error.constraint_name or "").endswith(_FOREIGN_KEYS):
            raise
    try:
        await enrol(database, vault)
    except WrongKeyError as error:
        log.error("nothing can be sealed here", fix=error.fix)  # noqa: TRY400 - no traceback: it is the setting
        raise
    return await write()
