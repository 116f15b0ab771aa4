"""Running children as an ordinary user when we are root, as Postgres and Chromium's sandbox ask for.

Files keep their owner and nothing is given away: in a user namespace of its own the child only sees itself as
`nobody`, without root's powers over other users' files.
"""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

# 65534 is `nobody` on every distribution.
UNPRIVILEGED: Final = ("unshare", "--user", "--map-user=65534", "--map-group=65534", "--")


class PrivilegeError(Exception):
    """Root cannot give up its powers here; the text says what to do instead."""


def needed() -> bool:
    """Whether children that must not be root need a user namespace: on Linux, as root."""
    return sys.platform == "linux" and os.geteuid() == 0


def require(*, readable: Path, writable: Path) -> None:
    """Prove that an unprivileged child can be started and can use two paths.

    Args:
        readable: a program or folder that it has to read.
        writable: a folder that it has to write.

    Raises:
        PrivilegeError: it cannot. Nothing is tried when this process is not root.
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
                "As root, renderfleet runs its browsers and Postgres without root's powers, and so they "
                f"cannot {verb} {path}, which belongs to another user. Start renderfleet as that user, or "
                "from a copy that belongs to root, or set DATA_DIR."
            )
