"""Seals and unseals secrets with AES-256-GCM. The newest key seals; every known key unseals.

A sealed secret has these parts: the format (1 byte), the id of the key (8), the nonce (12), the ciphertext,
the tag. It is sealed for one owner and can be unsealed for this owner only. So someone who can write to the
database cannot move a secret from one tenant or job to another.

Nonces are random, so a key may seal 2**32 times (NIST SP 800-38D, section 8.3). This is never reached: each
owner has a key of its own, derived from the fleet's key (HKDF, RFC 5869).
"""

import hmac
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final, Self
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from fleet.errors import ErrorType, UnavailableError
from fleet.vault.key_file import read_or_make
from fleet.vault.settings import SecretSettings

_FORMAT: Final = b"\x01"
_ID_BYTES: Final = 8
_NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_KEY_BYTES: Final = 32
# Names for what is derived from a key besides owners' keys. No owner has such a name (`SecretOwner.name`).
_ID: Final = b"renderfleet key id"
_DIGESTS: Final = b"renderfleet digests"


class Purpose(StrEnum):
    """What a secret is for."""

    JOB = "job"
    SCHEDULE = "schedule"
    BUNDLE = "bundle"
    WEBHOOK = "webhook"
    LINK_KEY = "link_key"
    SESSION = "session"


@dataclass(frozen=True, slots=True)
class SecretOwner:
    """The object that a secret belongs to.

    Attributes:
        purpose: the kind of the object.
        subject: id of the job, schedule, bundle, endpoint, link key, or API key of a session.
    """

    purpose: Purpose
    tenant_id: UUID
    subject: UUID | str

    @property
    def name(self) -> bytes:
        """A unique name: only the last of its three parts may contain a colon."""
        return f"{self.purpose}:{self.tenant_id}:{self.subject}".encode()


class UnsealError(UnavailableError):
    """A secret cannot be unsealed: by an unknown key, or for another owner, or it is damaged."""

    def __init__(self) -> None:
        super().__init__(ErrorType.SECRETS_UNREADABLE, "its secrets cannot be read")


class _Key:
    """One key of the fleet."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        self.id = self._derived(_ID, _ID_BYTES)
        self._digests = self._derived(_DIGESTS)

    def cipher_of(self, owner: SecretOwner) -> AESGCM:
        return AESGCM(self._derived(owner.name))

    def digest(self, content: bytes, tenant_id: UUID) -> bytes:
        return hmac.digest(self._digests, tenant_id.bytes + content, "sha256")

    def _derived(self, name: bytes, length: int = _KEY_BYTES) -> bytes:
        return HKDFExpand(SHA256(), length, name).derive(self._key)


class Vault:
    """Seals and unseals secrets with the fleet's keys."""

    def __init__(self, keys: Sequence[bytes]) -> None:
        """Take keys of 32 bytes each: the first one seals, all of them unseal."""
        self._keys = {key.id: key for key in map(_Key, keys)}
        self._newest = next(iter(self._keys.values()))

    @classmethod
    def open(cls, settings: SecretSettings, data_dir: Path) -> Self:
        """Take the keys of the settings. If there are none, take the key in `data_dir`; make it if needed.

        Raises:
            fleet.settings.SettingsError: the file in `data_dir` cannot be read or made, or is damaged.
        """
        return cls(settings.keys or [read_or_make(data_dir)])

    @property
    def newest_id(self) -> bytes:
        """The id of the key that seals."""
        return self._newest.id

    @property
    def key_ids(self) -> frozenset[bytes]:
        """The ids of all keys."""
        return frozenset(self._keys)

    def seal(self, plain: bytes, *, owner: SecretOwner) -> bytes:
        """Seal a secret for its owner. 2 MiB take a millisecond."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        head = _FORMAT + self._newest.id
        return head + nonce + self._newest.cipher_of(owner).encrypt(nonce, plain, head + owner.name)

    def unseal(self, sealed: bytes, *, owner: SecretOwner) -> bytes:
        """Unseal a secret for its owner.

        Raises:
            UnsealError: no known key has sealed it for this owner, or it was changed since.
        """
        head, rest = sealed[: 1 + _ID_BYTES], sealed[1 + _ID_BYTES :]
        key = self._keys.get(head[1:])
        if key is None or head[:1] != _FORMAT or len(rest) < _NONCE_BYTES + _TAG_BYTES:
            raise UnsealError
        nonce, ciphertext = rest[:_NONCE_BYTES], rest[_NONCE_BYTES:]
        try:
            return key.cipher_of(owner).decrypt(nonce, ciphertext, head + owner.name)
        except InvalidTag as error:
            raise UnsealError from error

    def digest(self, content: bytes, *, tenant_id: UUID) -> bytes:
        """A keyed digest (HMAC-SHA-256, RFC 2104): without the key nobody can test guesses against it."""
        return self._newest.digest(content, tenant_id)

    def matches(self, digest: bytes, content: bytes, *, tenant_id: UUID) -> bool:
        """Whether `digest` was made from this content, by any known key."""
        return any(hmac.compare_digest(digest, key.digest(content, tenant_id)) for key in self._keys.values())
