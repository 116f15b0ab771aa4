"""Forks for what starts its processes by `ChildProcess`."""

import socket
import subprocess
import time
from typing import Final, cast

from deploy.embedded.processes.process import ChildProcess, Program
from tests.kit.forks.forks import FORKS, order

_POLL_S: Final = 0.01


class _Popen:
    """What `ChildProcess` uses of a `subprocess.Popen`."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._said = b""
        while not self._said.endswith(b"\n"):
            self._said += connection.recv(16)
        self.pid = int(self._said)
        self._said = b""
        connection.settimeout(0)
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """The exit code; None while it runs."""
        if self.returncode is None:
            try:
                self._said += self._connection.recv(16)
            except BlockingIOError:
                return None
            if self._said.endswith(b"\n"):
                self.returncode = int(self._said)
                self._connection.close()
        return self.returncode

    def wait(self) -> int:
        """Wait for the end; the exit code."""
        while (code := self.poll()) is None:
            time.sleep(_POLL_S)
        return code


def forked(program: Program) -> ChildProcess:
    """Start a program `python -m MODULE ...`, whose module is in `LOADED`."""
    program.log.touch()  # it is read at once
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(FORKS.address())
    connection.sendall(order(program.command[2:], program.environment, program.log, None))
    return ChildProcess(program, cast("subprocess.Popen[bytes]", _Popen(connection)), log_start=0)
