"""The code of the release that is one migration behind this checkout's, from the history of git."""

import io
import subprocess
import tarfile
from pathlib import Path
from typing import Final

from tests.kit.paths import ROOT

# What an API and a worker need; not all that was there.
_PACKAGES: Final = ("api", "docs", "fleet", "migrations", "worker")


class NoHistoryError(Exception):
    """This is no clone of the repository, or one without the commits that are needed."""


def newest_migration() -> str:
    """The path of the migration that only this checkout has."""
    newest = max((ROOT / "migrations" / "versions").glob("0*.py"))
    return newest.relative_to(ROOT).as_posix()


def release_before(migration: str, folder: Path) -> Path:
    """Unpack the last commit without this migration into a folder; the folder.

    Raises:
        NoHistoryError: there is no git, or no such commit here.
    """
    added = _git("log", "--max-count=1", "--diff-filter=A", "--format=%H", "--", migration).decode().strip()
    before = f"{added}^" if added else "HEAD"  # while it is being written, no commit has it
    with tarfile.open(fileobj=io.BytesIO(_git("archive", before, *_PACKAGES))) as archive:
        archive.extractall(folder, filter="data")
    return folder


def _git(*words: str) -> bytes:
    try:
        return subprocess.run(("git", *words), cwd=ROOT, check=True, capture_output=True).stdout
    except FileNotFoundError as error:
        raise NoHistoryError("There is no git here.") from error
    except subprocess.CalledProcessError as error:
        raise NoHistoryError(error.stderr.decode().strip()) from error
