"""Installs packages of the distribution, if it has apt-get and root's rights need no password."""

import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from deploy.embedded.engines.engine import clean_environment
from deploy.embedded.processes.process import Pause, ProcessError, Program, run_to_end

LISTS: Final = Path("/var/lib/apt/lists")
TIMEOUT_S: Final = 900.0
OPTIONS: Final = (
    "-o",
    "DPkg::Lock::Timeout=120",
    "-o",
    "Acquire::Retries=2",
    "-o",
    "Acquire::http::Timeout=30",
    "-o",
    "Acquire::https::Timeout=30",
)


class PackageError(Exception):
    """Packages cannot be installed here; the message says why."""


def _become_root() -> tuple[str, ...]:
    """The words before a command that run it as root.

    Raises:
        PackageError: this process is not root, and sudo is missing or asks for a password.
    """
    if os.geteuid() == 0:
        return ()
    sudo = shutil.which("sudo")
    if sudo is None:
        raise PackageError("Installing packages needs root, and there is no sudo.")
    # -n: never ask for a password. This may run where nobody can type one.
    if subprocess.run([sudo, "-n", "true"], capture_output=True, check=False).returncode != 0:
        raise PackageError("Installing packages needs root, and sudo asks for a password.")
    return (sudo, "-n")


def install(packages: Sequence[str], *, log: Path, pause: Pause = time.sleep) -> None:
    """Install packages with apt-get. If there are no package lists, or old ones, they are updated first.

    Raises:
        PackageError: there is no apt-get, root's rights need a password, or apt-get failed.
    """
    if shutil.which("apt-get") is None:
        raise PackageError("This system has no apt-get.")
    prefix = _become_root()
    environment = ("env", "DEBIAN_FRONTEND=noninteractive")

    def apt(*arguments: str) -> None:
        command = (*prefix, *environment, "apt-get", *OPTIONS, *arguments)
        program = Program(f"apt-get {arguments[0]}", command, log, clean_environment())
        run_to_end(program, timeout_s=TIMEOUT_S, pause=pause)

    install_them = ("install", "--yes", "--no-install-recommends", *packages)
    try:
        is_updated = not any(LISTS.glob("*Packages*"))
        if is_updated:
            apt("update")
        try:
            apt(*install_them)
        except ProcessError:
            if is_updated:
                raise
            apt("update")  # lists that are weeks old name files that no longer exist
            apt(*install_them)
    except ProcessError as error:
        raise PackageError(error.summary) from error
