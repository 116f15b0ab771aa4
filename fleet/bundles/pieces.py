"""A bundle as it lies in the store: its files one after the other, cut into pieces, each encrypted.

Each bundle has a key of its own (AES-256-GCM), which is sealed in Postgres like any other secret. So a
rotation of the fleet's key need not touch the store, and what is left in a backup of the store cannot be read
any more once the row is gone. The number of a piece is its nonce: pieces cannot be exchanged.
"""

from typing import Final
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from fleet.artifacts.keys import BUNDLES
from fleet.render.files import MAX_FILES_BYTES
from fleet.vault import UnsealError

# So much of an upload is in memory at once, and once more while it is encrypted and sent.
PIECE_BYTES: Final = 1024 * 1024
MAX_PIECES: Final = MAX_FILES_BYTES // PIECE_BYTES
KEY_BITS: Final = 256
_NONCE_BYTES: Final = 12


def piece_key(tenant_id: UUID, bundle_id: UUID, number: int) -> str:
    """Where a piece lies in the store. No artifact lies there."""
    return f"{BUNDLES}/{tenant_id}/{bundle_id}/{number}"


def piece_keys(tenant_id: UUID, bundle_id: UUID) -> list[str]:
    """All places where a bundle may have a piece."""
    return [piece_key(tenant_id, bundle_id, number) for number in range(MAX_PIECES)]


def seal_piece(key: bytes, number: int, plain: bytes | bytearray) -> bytes:
    """Encrypt a piece. A key seals each number once."""
    return AESGCM(key).encrypt(_nonce(number), plain, None)


def unseal_piece(key: bytes, number: int, sealed: bytes) -> bytes:
    """Decrypt a piece.

    Raises:
        UnsealError: it was changed, or is another piece.
    """
    try:
        return AESGCM(key).decrypt(_nonce(number), sealed, None)
    except InvalidTag as error:
        raise UnsealError from error


def _nonce(number: int) -> bytes:
    return number.to_bytes(_NONCE_BYTES)
