"""Which bundles there are. Contains all SQL for them.

A bundle has a row before anything of it is in the store. Jobs refer to it: the one that it was uploaded for,
and its retries. It is looked at an hour after its upload began, and erased if no job refers to it: then its
call was never accepted. When the artifact of a job is erased, a trigger ends the job's reference, and the
bundle is looked at again (migration 0011).
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias
from uuid import UUID

import asyncpg
import uuid_utils.compat as uuid_utils
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from fleet.bundles.pieces import KEY_BITS, piece_keys
from fleet.database import Database
from fleet.errors import ErrorType, UnavailableError
from fleet.vault import Purpose, SecretOwner, UnsealError, Vault, writing_sealed

# Removes objects from the store; returns the keys of those that could not be removed.
Delete: TypeAlias = Callable[[Sequence[str]], Awaitable[set[str]]]

_INSERT: Final = "INSERT INTO bundles (id, tenant_id, data_key) VALUES ($1, $2, $3)"
_DATA_KEY: Final = "SELECT data_key FROM bundles WHERE id = $1 AND tenant_id = $2"
_DUE: Final = """
    SELECT id, tenant_id FROM bundles WHERE erasable_at <= now() AND NOT id = ANY($2::uuid[])
    ORDER BY erasable_at LIMIT $1 FOR UPDATE SKIP LOCKED
"""
# A statement of its own: it sees what was committed before the rows were locked. The lock keeps new jobs off.
_IN_USE: Final = "SELECT DISTINCT bundle_id FROM jobs WHERE bundle_id = ANY($1::uuid[])"
_KEEP: Final = "UPDATE bundles SET erasable_at = NULL WHERE id = ANY($1::uuid[])"
_DELETE: Final = "DELETE FROM bundles WHERE id = ANY($1::uuid[])"


@dataclass(frozen=True, slots=True)
class StoredBundle:
    """A bundle of a tenant.

    Attributes:
        data_key: encrypts its pieces.
    """

    id: UUID
    tenant_id: UUID
    data_key: bytes


async def begin(database: Database, vault: Vault, *, tenant_id: UUID) -> StoredBundle:
    """Make the row of a bundle that is to be uploaded.

    Raises:
        fleet.vault.WrongKeyError: this process cannot seal for the fleet.
        UnavailableError: Postgres does not answer.
    """
    bundle = StoredBundle(uuid_utils.uuid7(), tenant_id, AESGCM.generate_key(KEY_BITS))
    sealed = vault.seal(bundle.data_key, owner=_owner(tenant_id, bundle.id))
    arguments = (bundle.id, tenant_id, sealed)
    await writing_sealed(database, vault, lambda: database.execute(_INSERT, *arguments))
    return bundle


async def find(database: Database, vault: Vault, *, tenant_id: UUID, bundle_id: UUID) -> StoredBundle:
    """A bundle that a job refers to.

    Raises:
        UnsealError: its key is gone, or cannot be read.
        UnavailableError: Postgres does not answer.
    """
    sealed = await database.fetchval(_DATA_KEY, bundle_id, tenant_id)
    if sealed is None:
        raise UnsealError
    return StoredBundle(bundle_id, tenant_id, vault.unseal(sealed, owner=_owner(tenant_id, bundle_id)))


async def discard(database: Database, bundle: StoredBundle, *, pieces: int, delete: Delete) -> None:
    """Erase a bundle now, unless a job refers to it.

    Args:
        database: connections to Postgres.
        bundle: what to erase.
        pieces: how many of its pieces may be in the store.
        delete: removes from the store.

    Raises:
        UnavailableError: Postgres or the store does not answer. `erase_due` does it later.
    """
    try:
        async with database.transaction() as connection:
            await connection.execute(_DELETE, [bundle.id])
            if pieces and await delete(piece_keys(bundle.tenant_id, bundle.id)[:pieces]):
                raise UnavailableError(ErrorType.STORAGE_UNAVAILABLE, "the store did not delete a piece")
    except asyncpg.ForeignKeyViolationError:
        return  # a job was accepted for it, although its call has seen an error


async def erase_due(
    database: Database, *, delete: Delete, limit: int, refused: Sequence[UUID] = ()
) -> tuple[int, int, list[UUID]]:
    """Erase bundles that no job refers to any more.

    Args:
        database: connections to Postgres.
        delete: removes from the store.
        limit: how many bundles to look at.
        refused: those that the store did not remove in this pass; they are left for the next one.

    Returns:
        How many bundles were looked at, how many erased, and which of them the store did not remove.

    Raises:
        UnavailableError: Postgres or the store does not answer. Nothing is lost; call again later.
    """
    async with database.transaction() as connection:
        rows = await connection.fetch(_DUE, limit, list(refused))
        if not rows:
            return 0, 0, []
        found = await connection.fetch(_IN_USE, [row["id"] for row in rows])
        in_use = {row["bundle_id"] for row in found}
        keys_of = {
            row["id"]: piece_keys(row["tenant_id"], row["id"]) for row in rows if row["id"] not in in_use
        }
        kept = await delete([key for keys in keys_of.values() for key in keys])
        gone = [id_ for id_, keys in keys_of.items() if kept.isdisjoint(keys)]
        await connection.execute(_KEEP, list(in_use))
        await connection.execute(_DELETE, gone)
    return len(rows), len(gone), [id_ for id_ in keys_of if id_ not in gone]


def _owner(tenant_id: UUID, bundle_id: UUID) -> SecretOwner:
    return SecretOwner(Purpose.BUNDLE, tenant_id, bundle_id)
