"""The key in `DATA_DIR/secret-key`, for processes that share DATA_DIR when SECRET_KEYS is not set."""

import base64
import contextlib
import os
import secrets
import tempfile
from pathlib import Path
from typing import Final

from fleet.settings import SettingsError
from fleet.vault.settings import key_from_text

NAME: Final = "secret-key"
_KEY_BYTES: Final = 32


def new_key() -> str:
    """Make a new key, as text for `RENDERFLEET_SECRET_KEYS`."""
    return base64.urlsafe_b64encode(secrets.token_bytes(_KEY_BYTES)).decode()


def read_or_make(data_dir: Path) -> bytes:
    """Read the key of this folder, or make it. Processes that do this at the same time get the same key.

    Raises:
        SettingsError: the file cannot be read or made, or is damaged.
    """
    path = data_dir / NAME
    try:
        return key_from_text(_read_or_make(path))
    except OSError as error:
        raise SettingsError(
            f"renderfleet: {path} cannot be read or made ({error.strerror}). It has the key for tenants' "
            "secrets; it is not used if RENDERFLEET_SECRET_KEYS is set. See docs/operations/keys.md."
        ) from error
    except ValueError as error:
        raise SettingsError(
            f"renderfleet: {path} is damaged: {error}. Restore it from a backup: the secrets that it has "
            "sealed cannot be read without it. See docs/operations/keys.md."
        ) from error


def _read_or_make(path: Path) -> str:
    with contextlib.suppress(FileNotFoundError):
        return path.read_text("ascii").strip()
    path.parent.mkdir(parents=True, exist_ok=True)
    # The complete file gets its name at once: `link` refuses a name that exists already (link(2), EEXIST).
    handle, draft = tempfile.mkstemp(prefix=f".{NAME}-", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(handle, "w") as file:
            file.write(f"{new_key()}\n")
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        Path(draft).unlink()
    return path.read_text("ascii").strip()
