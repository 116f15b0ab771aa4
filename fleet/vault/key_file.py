"""The key in `DATA_DIR/secret-key`: for a fleet whose processes share the folder and were given none."""

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
    """A new key, as `RENDERFLEET_SECRET_KEYS` takes it."""
    return base64.urlsafe_b64encode(secrets.token_bytes(_KEY_BYTES)).decode()


def read_or_make(data_dir: Path) -> bytes:
    """The key of this folder; who comes first makes it, and all who come at the same time get that one.

    Raises:
        SettingsError: the file cannot be made or read, or is damaged.
    """
    path = data_dir / NAME
    try:
        return key_from_text(_read_or_make(path))
    except OSError as error:
        raise SettingsError(
            f"renderfleet: {path} cannot be read or made ({error.strerror}). It holds the key for what "
            "tenants give as secret; RENDERFLEET_SECRET_KEYS goes before it. See docs/operations/keys.md."
        ) from error
    except ValueError as error:
        raise SettingsError(
            f"renderfleet: {path} is damaged: {error}. Restore it from a copy: what it has sealed opens by "
            "it alone. See docs/operations/keys.md."
        ) from error


def _read_or_make(path: Path) -> str:
    with contextlib.suppress(FileNotFoundError):
        return path.read_text("ascii").strip()
    path.parent.mkdir(parents=True, exist_ok=True)
    # A whole file appears under the name, or none: `link` refuses a name that is taken (link(2), EEXIST).
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
