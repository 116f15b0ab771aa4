"""The port on which one Chromium listens for DevTools, and the secret that its address holds."""

import asyncio
import random
import socket
import time
from pathlib import Path
from typing import Final

from fleet.errors import ErrorType, RenderError
from worker.egress.outbound.own_ports import DEVTOOLS_PORTS

_FILE_TIMEOUT_S: Final = 5.0


class PortTakenError(Exception):
    """Chromium did not get the debugging port that was free a moment before."""


def free_port() -> int:
    """A port on which nobody listens at this moment.

    The kernel keeps connections of a browser that has ended for a minute (TIME_WAIT). They are no obstacle:
    Chromium sets SO_REUSEADDR for its port, too (net/socket/tcp_server_socket.cc).

    Raises:
        RenderError: `browser_unavailable`: all of them are taken.
    """
    for port in random.sample(DEVTOOLS_PORTS, len(DEVTOOLS_PORTS)):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise RenderError(ErrorType.BROWSER_UNAVAILABLE, "no free debugging port for the browser")


async def devtools_path(profile: Path, port: int) -> str:
    """The secret part of the websocket's address, from the file that Chromium writes once it listens.

    Raises:
        PortTakenError: it wrote none, or one about another port.
    """
    file = profile / "DevToolsActivePort"
    deadline = time.monotonic() + _FILE_TIMEOUT_S
    while time.monotonic() < deadline:
        lines = file.read_text().splitlines() if file.exists() else []
        if len(lines) == 2 and lines[0] == str(port):  # noqa: PLR2004 - port and path
            return lines[1]
        await asyncio.sleep(0.005)
    raise PortTakenError
