"""The folder with all data of one instance: its lock, its files and its passwords.

lock          locked with flock by the instance and its engines; contains the id of the instance's process
secrets.json  passwords of the engines, made at the first start (mode 0600)
api-key       a key for the local API (mode 0600)
secret-key    the key that seals tenants' secrets; API and workers make it (mode 0600)
database-url  while it runs: the address of its Postgres, for `python -m fleet.keys` and the like (mode 0600)
shell-environment  while it runs: the variables of `make shell` (mode 0600)
redis/ postgres/ s3/   the engines' data
home/ tmp/    for temporary files of the processes
log/          one file for each process
"""

import fcntl
import json
import os
import secrets
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final, Self

LOCK_WAIT_S: Final = 10.0
FOLDERS: Final = ("log", "home", "tmp")


class DataDirError(Exception):
    """The folder cannot be used; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class EngineSecrets:
    """Passwords and keys of the engines. They contain only characters that need no quoting."""

    redis_password: str
    postgres_password: str
    s3_access_key_id: str
    s3_secret_access_key: str

    @classmethod
    def generate(cls) -> Self:
        """Make secrets of 192 bits each. The id of the S3 key is not secret and is shorter."""
        return cls(secrets.token_hex(24), secrets.token_hex(24), secrets.token_hex(8), secrets.token_hex(24))

    @classmethod
    def read_or_make(cls, path: Path) -> Self:
        """Read the file, or write it with new secrets if there is none.

        Raises:
            DataDirError: the file is damaged. It is not replaced: the existing data needs these passwords.
        """
        try:
            return cls(**json.loads(path.read_text()))
        except FileNotFoundError:
            made = cls.generate()
        except (ValueError, TypeError) as error:
            raise DataDirError(
                f"{path} is damaged ({error}). It contains the passwords for the data in the same folder. "
                "Restore it from a backup, or remove the whole folder to start without data."
            ) from error
        write_private(path, json.dumps(asdict(made), indent=2) + "\n")
        return made


class DataDir:
    """A data folder that belongs to this process until `close`.

    Attributes:
        path: the folder, absolute.
        lock: descriptor of the lock file. Engines inherit it, so that the folder stays locked until the last
            of them has ended, also if the launcher was killed.
        secrets: the engines' passwords.
    """

    def __init__(self, path: Path, *, pause: Callable[[float], None] = time.sleep) -> None:
        """Make the folder if needed, and lock it.

        Raises:
            DataDirError: another instance uses the folder, or it cannot be written.
        """
        self.path = path.absolute()
        self.closed = False
        try:
            # The mode of an existing folder is not changed.
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            for name in FOLDERS:
                (self.path / name).mkdir(mode=0o700, exist_ok=True)
            self.lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise DataDirError(
                f"DATA_DIR {self.path} cannot be used: {error.strerror}. Choose a folder that you may write: "
                "make run DATA_DIR=/tmp/renderfleet"
            ) from error
        try:
            self._lock_or_raise(pause)
            self.secrets = EngineSecrets.read_or_make(self.path / "secrets.json")
        except BaseException:
            os.close(self.lock)
            raise

    def close(self) -> None:
        """Unlock the folder. It is safe to call this twice."""
        if not self.closed:
            self.closed = True
            os.close(self.lock)

    def _lock_or_raise(self, pause: Callable[[float], None]) -> None:
        deadline = time.monotonic() + LOCK_WAIT_S
        while not self._try_lock():
            owner = int(os.pread(self.lock, 32, 0) or b"0")
            if _is_alive(owner) or time.monotonic() > deadline:
                raise DataDirError(
                    f"DATA_DIR {self.path} is in use by another renderfleet (process {owner}). Stop that "
                    "one, or start a second one with another folder: "
                    "make run DATA_DIR=/tmp/renderfleet-2 API_PORT=8001"
                )
            pause(0.05)  # the owner was killed, and its engines are ending
        os.ftruncate(self.lock, 0)
        os.pwrite(self.lock, str(os.getpid()).encode(), 0)

    def _try_lock(self) -> bool:
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read. It gets its name when it is complete."""
    draft = path.with_name(f"{path.name}.new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)


def _is_alive(pid: int) -> bool:
    """Whether the process exists, also if it belongs to another user."""
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
