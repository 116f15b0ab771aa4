"""Bundles on their way into the store and out of it, piece by piece."""

import hashlib
from collections.abc import AsyncGenerator
from typing import Final

from fleet.artifacts.store import ArtifactMissingError, Artifacts
from fleet.bundles.pieces import PIECE_BYTES, piece_key, seal_piece, unseal_piece
from fleet.bundles.rows import StoredBundle
from fleet.errors import ErrorType, UnavailableError
from fleet.render.files import UploadedFile

_TAG_BYTES: Final = 16


class BundleWriter:
    """Takes the files of a bundle one after the other, and stores them. Holds one piece in memory.

    Attributes:
        files: those that are complete, by name.
        total_bytes: of all files so far.
        pieces: how many may be in the store.
    """

    def __init__(self, artifacts: Artifacts, bundle: StoredBundle) -> None:
        self._artifacts = artifacts
        self._bundle = bundle
        self._piece = bytearray()
        self.pieces = 0
        self._size_bytes = 0
        self._digest = hashlib.sha256()
        self.files: dict[str, UploadedFile] = {}
        self.total_bytes = 0

    async def write(self, data: bytes) -> None:
        """Take bytes of the file that is being written.

        Raises:
            UnavailableError: the store does not answer.
        """
        self._digest.update(data)
        self._size_bytes += len(data)
        self.total_bytes += len(data)
        self._piece += data
        while len(self._piece) >= PIECE_BYTES:
            await self._store(PIECE_BYTES)

    def end_file(self, name: str) -> None:
        """The file is complete, and is called so. The next bytes are those of the next file."""
        self.files[name] = UploadedFile(size_bytes=self._size_bytes, sha256=self._digest.hexdigest())
        self._digest = hashlib.sha256()
        self._size_bytes = 0

    async def close(self) -> None:
        """Store the rest.

        Raises:
            UnavailableError: the store does not answer.
        """
        if self._piece:
            await self._store(len(self._piece))

    async def _store(self, size: int) -> None:
        number = self.pieces
        sealed = seal_piece(self._bundle.data_key, number, bytes(self._piece[:size]))
        del self._piece[:size]
        self.pieces += 1  # before it is stored: a call without an answer may have stored it
        await self._artifacts.put(piece_key(self._bundle.tenant_id, self._bundle.id, number), sealed)


async def read_bundle(
    artifacts: Artifacts, bundle: StoredBundle, total_bytes: int
) -> AsyncGenerator[bytes, None]:
    """The files of a bundle, one after the other, piece by piece.

    Args:
        artifacts: the store.
        bundle: to read.
        total_bytes: of all its files.

    Raises:
        fleet.vault.UnsealError: a piece was changed.
        UnavailableError: the store does not answer, or has lost a piece.
    """
    for number, start in enumerate(range(0, total_bytes, PIECE_BYTES)):
        size = min(PIECE_BYTES, total_bytes - start) + _TAG_BYTES
        key = piece_key(bundle.tenant_id, bundle.id, number)
        try:
            sealed = b"".join([chunk async for chunk in artifacts.read(key, first=0, last=size - 1)])
        except ArtifactMissingError as error:
            raise UnavailableError(
                ErrorType.STORAGE_UNAVAILABLE, "the files of the job are incomplete"
            ) from error
        yield unseal_piece(bundle.data_key, number, sealed)
