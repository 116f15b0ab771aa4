"""The text of keys for secrets: 32 bytes in base64, several separated by commas (pure)."""

import base64
import re
from typing import Final

_KEY: Final = re.compile(r"[A-Za-z0-9+/_-]{43}=?", re.ASCII)


def key_from_text(text: str) -> bytes:
    """Read a key of 32 bytes in base64 or base64url (RFC 4648).

    Raises:
        ValueError: in words that do not hold the text.
    """
    if not _KEY.fullmatch(text):
        raise ValueError("a key is 32 bytes in base64; `python -m fleet.vault key` makes one")
    return base64.b64decode(text.rstrip("=").translate(str.maketrans("-_", "+/")) + "=")


def keys_from_text(text: str) -> list[bytes]:
    """Read keys that are separated by commas.

    Raises:
        ValueError: one of them is none, or given twice.
    """
    parts = (part.strip() for part in text.split(","))
    keys = [key_from_text(part) for part in parts if part]
    if len(set(keys)) < len(keys):
        raise ValueError("a key is given twice")
    return keys
