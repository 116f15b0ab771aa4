"""A machine of its own for the commands of the documents.

The documents name `localhost:8000`, `https://example.com` and "the newest worker of this machine". To run
them unchanged, the commands get namespaces of their own. There every port of loopback is free, example.com is
this machine, and no other processes are visible. All processes end when the first process of the namespaces
ends. Run it inside `NAMESPACES`: `python -m tests.kit.docs.lone_machine FILE WORD...`.
"""

import fcntl
import os
import socket
import struct
import subprocess
import sys
from pathlib import Path
from typing import Final

NAMESPACES: Final = (
    *("unshare", "--user", "--map-root-user", "--net", "--mount", "--pid", "--fork", "--mount-proc"),
    "--kill-child",
)
# Neither Chromium's sandbox nor Postgres work for root.
_ORDINARY_USER: Final = ("unshare", "--user", "--map-user=1000", "--map-group=1000", "--")
_HOSTS: Final = "127.0.0.1 localhost example.com\n"
# The address of this machine in docs/operations/network.md.
_ADDRESS: Final = "10.0.0.5"
# Sources: linux/sockios.h, SIOCSIFFLAGS and SIOCSIFADDR; linux/if.h, IFF_UP and IFF_RUNNING; `struct ifreq`
# has 40 bytes.
_SET_FLAGS: Final = 0x8914
_SET_ADDRESS: Final = 0x8916
_UP: Final = 0x1 | 0x40


def set_up(hosts: Path) -> None:
    """Start loopback with two addresses, let everybody listen at port 443, and name this machine."""
    with socket.socket() as any_socket:
        fcntl.ioctl(any_socket, _SET_FLAGS, struct.pack("16sH22x", b"lo", _UP))
        address = struct.pack("HH4s8x", socket.AF_INET, 0, socket.inet_aton(_ADDRESS))
        fcntl.ioctl(any_socket, _SET_ADDRESS, struct.pack("16s16s8x", b"lo:1", address))
    Path("/proc/sys/net/ipv4/ip_unprivileged_port_start").write_text("0")
    hosts.write_text(_HOSTS)
    subprocess.run(["mount", "--bind", str(hosts), "/etc/hosts"], check=True)


def main(words: list[str]) -> None:
    """Set up the machine and become the program of these words, as an ordinary user.

    Args:
        words: a file for the table of names, then the words of the program.
    """
    set_up(Path(words[0]))
    command = (*_ORDINARY_USER, *words[1:])
    os.execvp(command[0], command)  # noqa: S606 - no shell, our own words


if __name__ == "__main__":
    main(sys.argv[1:])
