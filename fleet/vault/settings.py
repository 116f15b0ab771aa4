"""The setting for the keys that seal tenants' secrets."""

import base64
import re
from typing import Final

from pydantic import Field, SecretStr, field_validator

from fleet.settings import FleetSettings

_KEY: Final = re.compile(r"[A-Za-z0-9+/_-]{43}=?", re.ASCII)


def key_from_text(text: str) -> bytes:
    """Read a key of 32 bytes in base64 or base64url (RFC 4648).

    Raises:
        ValueError: it is not a key. The message does not contain the text.
    """
    if not _KEY.fullmatch(text):
        raise ValueError("a key is 32 bytes in base64; `python -m fleet.vault key` makes one")
    return base64.b64decode(text.rstrip("=").translate(str.maketrans("-_", "+/")) + "=")


def keys_from_text(text: str) -> list[bytes]:
    """Read keys that are separated by commas.

    Raises:
        ValueError: one of them is not a key, or is given twice.
    """
    parts = (part.strip() for part in text.split(","))
    keys = [key_from_text(part) for part in parts if part]
    if len(set(keys)) < len(keys):
        raise ValueError("a key is given twice")
    return keys


class SecretSettings(FleetSettings):
    """The keys that seal tenants' secrets."""

    secret_keys: SecretStr = Field(
        default=SecretStr(""),
        description=(
            "Keys that encrypt tenants' secrets, 32 bytes in base64 each, separated by commas. The "
            "first one encrypts, all of them decrypt. Empty: the key in `DATA_DIR/secret-key`, which "
            "the first start makes."
        ),
    )

    @field_validator("secret_keys")
    @classmethod
    def _keys_are_keys(cls, value: SecretStr) -> SecretStr:
        keys_from_text(value.get_secret_value())
        return value

    @property
    def keys(self) -> list[bytes]:
        """The keys; the first one seals. Empty: the key file is used."""
        return keys_from_text(self.secret_keys.get_secret_value())
