"""Runs child processes as an ordinary user if this process is root. Postgres and Chromium's sandbox need it.

The child runs in a user namespace of its own. There it sees itself as the user `nobody` and has no rights to
the files of other users. The owners of files are not changed.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

# 65534 is `nobody` on every distribution.
UNPRIVILEGED: Final = ("unshare", "--user", "--map-user=65534", "--map-group=65534", "--")


class PrivilegeError(Exception):
    """Child processes cannot run as an ordinary user here; the message says what to do."""


def needed() -> bool:
    """Whether child processes that must not be root need a user namespace: on Linux, as root."""
    return sys.platform == "linux" and os.geteuid() == 0


def require(*, readable: Path, writable: Path) -> None:
    """Check that an unprivileged child process can be started and can use two paths.

    Args:
        readable: a program or folder that it has to read.
        writable: a folder that it has to write.

    Raises:
        PrivilegeError: it cannot. Nothing is checked if this process is not root.
    """
    if not needed():
        return
    if subprocess.run([*UNPRIVILEGED, "true"], capture_output=True, check=False).returncode != 0:
        raise PrivilegeError(
            "As root, renderfleet runs its browsers and Postgres in a user namespace, and this machine does "
            "not allow one. Start it as an ordinary user, or allow user namespaces "
            "(sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone)."
        )
    for test, path, verb in (("-r", readable, "read"), ("-w", writable, "write")):
        if subprocess.run([*UNPRIVILEGED, "test", test, str(path)], check=False).returncode != 0:
            raise PrivilegeError(
                "As root, renderfleet runs its browsers and Postgres without root's rights, so they "
                f"cannot {verb} {path}, which belongs to another user. Start renderfleet as that user, or "
                "from a copy that belongs to root, or set DATA_DIR."
            )
