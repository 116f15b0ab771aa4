"""The folder that one worker process may write to: for profiles, files before their upload, temporary files.

It belongs to the process that holds its lock. The kernel releases the lock when the process ends, in whatever
way. So when a worker starts, it removes all folders whose lock is free: they are from killed workers. Each
browser has a folder of its own in it, which is removed after the browser's end.
"""

import fcntl
import os
import shutil
import tempfile
import time
from pathlib import Path
from typing import IO, Final, Self
from uuid import UUID

from fleet.errors import ErrorType, UnavailableError
from fleet.telemetry.logs import get_logger
from worker.browser.launch.child_environment import for_browser

# How often removing a folder is tried: processes of a browser that is being killed may still write to it.
_REMOVAL_TRIES: Final = 5
_REMOVAL_PAUSE_S: Final = 0.1

log = get_logger(__name__)


class Scratch:
    """`DATA_DIR/scratch/<worker_id>/`, held by a lock on the file `<worker_id>.lock` beside it.

    As a context manager, it claims the folder for the block and removes it afterwards.

    Attributes:
        path: the folder.
    """

    def __init__(self, data_dir: Path, worker_id: UUID) -> None:
        self._parent = data_dir.resolve() / "scratch"
        self._lock: IO[bytes] | None = None
        self._tmpdir: str | None = None
        self.path = self._parent / str(worker_id)

    def __enter__(self) -> Self:
        """Claim it."""
        self.claim()
        return self

    def __exit__(self, *_: object) -> None:
        """Remove it."""
        self.remove()

    def claim(self) -> None:
        """Make the folder, and remove the folders of workers that have ended.

        TMPDIR of this process and its children is set to the folder. So call this before Playwright starts.

        Raises:
            UnavailableError: the folder cannot be written.
        """
        try:
            self._make()
        except OSError as error:
            self._release_lock()
            detail = f"the worker cannot write to its folder {self._parent}: {error.strerror}"
            raise UnavailableError(ErrorType.STORAGE_UNAVAILABLE, detail) from error
        self._tmpdir = os.environ.get("TMPDIR")
        os.environ["TMPDIR"] = tempfile.tempdir = str(self.path)

    def remove(self) -> None:
        """Remove the folder, and restore TMPDIR."""
        if self._tmpdir is None:
            os.environ.pop("TMPDIR", None)
        else:
            os.environ["TMPDIR"] = self._tmpdir
        tempfile.tempdir = None
        _remove(self.path)
        self._release_lock()

    def _make(self) -> None:
        self._parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        for lock_path in self._parent.glob("*.lock"):
            _remove_if_unlocked(lock_path)
        # The lock is made before the folder and removed after it, so a folder without a held lock is old.
        self._lock = _lock(self.path.with_suffix(".lock"))
        self.path.mkdir(mode=0o700, exist_ok=True)

    def _release_lock(self) -> None:
        if self._lock is not None:
            Path(self._lock.name).unlink(missing_ok=True)
            self._lock.close()


class BrowserFolder:
    """The folder of one browser: its profile, its HOME and its temporary files.

    Attributes:
        path: the folder. Chromium keeps a certificate store and caches in HOME, and its shared memory and
            crash dumps in TMPDIR, whatever its profile folder is; all three are here.
        profile: where Chromium makes its profile.
    """

    def __init__(self, parent: Path, generation: int) -> None:
        """Make the folder, which is empty.

        Raises:
            OSError: the disk is full, or cannot be written.
        """
        # A short name: full Chromium puts a socket in it, whose path may have 107 bytes (unix(7)).
        self.path = Path(tempfile.mkdtemp(prefix=f"b{generation}-", dir=parent))
        self.profile = self.path / "profile"

    @property
    def environment(self) -> dict[str, str]:
        """The variables for Chromium. HOME and TMPDIR are the folder."""
        return {**for_browser(os.environ), "HOME": str(self.path), "TMPDIR": str(self.path)}

    def remove(self) -> None:
        """Remove the folder after the browser's end. Blocks for up to half a second. Never raises."""
        for _ in range(_REMOVAL_TRIES - 1):
            shutil.rmtree(self.path, ignore_errors=True)
            if not self.path.exists():
                return
            time.sleep(_REMOVAL_PAUSE_S)
        _remove(self.path)


def _lock(path: Path) -> IO[bytes]:
    while True:
        lock = path.open("ab")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise
        # Another worker may have removed the file after it was opened here and before it was locked.
        if path.exists() and os.fstat(lock.fileno()).st_ino == path.stat().st_ino:
            return lock
        lock.close()


def _remove_if_unlocked(lock_path: Path) -> None:
    try:
        lock = _lock(lock_path)
    except BlockingIOError:
        return  # the worker of this folder is running
    folder = lock_path.with_suffix("")
    log.info("removing what a killed worker left behind", folder=str(folder))
    _remove(folder)
    lock_path.unlink(missing_ok=True)
    lock.close()


def _remove(folder: Path) -> None:
    if folder.exists():
        shutil.rmtree(folder, onerror=lambda _call, path, _error: log.warning("cannot remove", path=path))
