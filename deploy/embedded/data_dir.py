"""The folder that holds all data of one instance: who may use it, what lies where, which secrets it has.

lock          held with flock by the instance and its engines; says whose it is
secrets.json  passwords of the engines, made once (mode 0600)
api-key       a key for the local API (mode 0600)
secret-key    what API and workers seal tenants' secrets with; they make it themselves (mode 0600)
redis/ postgres/ s3/   the engines' data
home/ tmp/    what processes may scribble in
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
    """The folder cannot be used; the text says why and what to do."""


@dataclass(frozen=True, slots=True)
class Secrets:
    """What the engines ask of their clients. Made of characters that need no quoting anywhere."""

    redis_password: str
    postgres_password: str
    s3_access_key_id: str
    s3_secret_access_key: str

    @classmethod
    def generate(cls) -> Self:
        """New secrets of 192 bits each; the access key's id is no secret."""
        return cls(secrets.token_hex(24), secrets.token_hex(24), secrets.token_hex(8), secrets.token_hex(24))

    @classmethod
    def read_or_make(cls, path: Path) -> Self:
        """Read the file, or write it with new secrets if there is none.

        Raises:
            DataDirError: the file is damaged. It is not replaced, since the data answers to it alone.
        """
        try:
            return cls(**json.loads(path.read_text()))
        except FileNotFoundError:
            made = cls.generate()
        except (ValueError, TypeError) as error:
            raise DataDirError(
                f"{path} is damaged ({error}). It holds the passwords of the engines' data beside it: "
                "restore it from a copy, or remove the whole folder to start afresh."
            ) from error
        write_private(path, json.dumps(asdict(made), indent=2) + "\n")
        return made


class DataDir:
    """A data folder that belongs to this process until `close`.

    Attributes:
        path: the folder, absolute.
        lock: descriptor of the lock file. Engines inherit it, so that the folder stays taken until the last
            of them has ended, also when the launcher was killed.
        secrets: the engines' passwords.
    """

    def __init__(self, path: Path, *, pause: Callable[[float], None] = time.sleep) -> None:
        """Make the folder if needed and take it.

        Raises:
            DataDirError: another instance has it, or it cannot be written.
        """
        self.path = path.absolute()
        self.closed = False
        try:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)  # the mode of one that exists is kept
            for name in FOLDERS:
                (self.path / name).mkdir(mode=0o700, exist_ok=True)
            self.lock = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise DataDirError(
                f"DATA_DIR {self.path} cannot be used: {error.strerror}. Choose a folder that you may write: "
                "make run DATA_DIR=/tmp/renderfleet"
            ) from error
        try:
            self._take(pause)
            self.secrets = Secrets.read_or_make(self.path / "secrets.json")
        except BaseException:
            os.close(self.lock)
            raise

    def close(self) -> None:
        """Let go of the folder; safe to call twice."""
        if not self.closed:
            self.closed = True
            os.close(self.lock)

    def _take(self, pause: Callable[[float], None]) -> None:
        deadline = time.monotonic() + LOCK_WAIT_S
        while not self._locked():
            owner = int(os.pread(self.lock, 32, 0) or b"0")
            if _alive(owner) or time.monotonic() > deadline:
                raise DataDirError(
                    f"DATA_DIR {self.path} is in use by another renderfleet (process {owner}). Stop that "
                    "one, or start a second one beside it: make run DATA_DIR=/tmp/renderfleet-2 API_PORT=8001"
                )
            pause(0.05)  # its owner was killed and its engines are ending
        os.ftruncate(self.lock, 0)
        os.pwrite(self.lock, str(os.getpid()).encode(), 0)

    def _locked(self) -> bool:
        try:
            fcntl.flock(self.lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read, whole or not at all."""
    draft = path.with_name(f"{path.name}.new")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.rename(path)


def _alive(pid: int) -> bool:
    """Whether the process exists; also when it is another user's."""
    if pid <= 0:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
