"""Checks whether a port is free, and finds free ports for the engines."""

import errno
import random
import socket
from pathlib import Path
from typing import Final

LOOPBACK: Final = "127.0.0.1"

# Below the range from which the kernel takes ports for outgoing connections. Otherwise a client that tries to
# reach a stopped engine may get the engine's port as its own, and then the engine cannot start again.
LOWEST: Final = 20_000
HIGHEST: Final = 32_000
RANGE_FILE: Final = Path("/proc/sys/net/ipv4/ip_local_port_range")


class PortError(Exception):
    """A port cannot be used; the message says why and what to do."""


def listen_error(host: str, port: int) -> OSError | None:
    """The error of listening there now; None: it is possible."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
    except OSError as error:
        return error
    return None


def require_free(host: str, port: int, *, setting: str) -> None:
    """Check that a program can listen there.

    Args:
        host: address of this machine.
        port: the port.
        setting: where the port comes from.

    Raises:
        PortError: it cannot; the message says why and what to do.
    """
    error = listen_error(host, port)
    if error is None:
        return
    if error.errno == errno.EADDRINUSE:
        raise PortError(
            f"Port {port} on {host} is in use by another program. Stop it, or choose another port: "
            f"make run {setting}={port + 1 if port < 65_535 else 8000}"  # noqa: PLR2004 - the last port
        )
    words = "Set API_HOST and API_PORT" if setting == "API_PORT" else f"Set another {setting}"
    raise PortError(f"It is not possible to listen on {host} port {port}: {error}. {words}.")


def free_port() -> int:
    """Find a port on loopback on which no program listens.

    Raises:
        PortError: a hundred random ports were all in use.
    """
    highest = HIGHEST
    if RANGE_FILE.exists():
        highest = max(LOWEST + 1_000, min(HIGHEST, int(RANGE_FILE.read_text().split()[0]) - 1))
    for _ in range(100):
        port = random.randint(LOWEST, highest)  # noqa: S311 - no secret
        if listen_error(LOOPBACK, port) is None:
            return port
    raise PortError(f"No free port between {LOWEST} and {highest} on {LOOPBACK}.")
