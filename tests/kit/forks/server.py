"""`python -m tests.kit.forks.server LISTENER`: starts the product's programs as forks of itself.

Python needs a second of CPU to load the modules of a worker or an API. This process loads them once, and a
fork of it has them. A fork runs the same `__main__` as `python -m` does, with its own environment and log.
What differs is what /proc shows of it: the command line and the first environment are those of this process.

One connection stands for one program. The client sends an order as a line of JSON. The server answers with a
line that has the process id, and with another one that has the exit code when the program has ended. The
server ends when its standard input is closed. LISTENER is the file descriptor of its listening socket.
"""

import atexit
import gc
import importlib
import json
import os
import runpy
import selectors
import signal
import socket
import sys
import tempfile
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Final, NoReturn

from deploy.embedded.processes import process_tree

# What each program loads when it starts. API and worker also parse botocore's description of S3, which is
# kept: that is half of what they do until they are ready.
_STORE: Final = "tests.kit.forks.store"
LOADED: Final[Mapping[str, Sequence[str]]] = {
    "api": ("api.serve", _STORE),
    "fleet.keys": ("fleet.tenants.keys_command",),
    "fleet.limits": ("fleet.tenants.limits_command",),
    "fleet.vault": ("fleet.database_errors", "fleet.vault.rotation"),
    "renderfleet": ("renderfleet.cli.app",),
    "migrations": ("alembic.command", "asyncpg", "fleet.telemetry.logs", "sqlalchemy.ext.asyncio"),
    "tests.chaos.cases.weakened_worker": ("worker.main", _STORE),
    "tests.kit.faults.jumping_clock": ("api.main", "worker.main", _STORE),
    "tests.soak.leaky": ("worker.main", _STORE),
    "uvicorn": ("api.main", _STORE),
    "worker": ("worker.main", _STORE),
}
_ENDED: Final = "the end of a program"
_OVER: Final = "the end of the tests"


class Server:
    """Takes orders, and tells of ends."""

    def __init__(self, listener: socket.socket) -> None:
        self._listener = listener
        self._connections: dict[int, socket.socket] = {}
        self._wakes, self._woken_by = socket.socketpair()
        self._woken_by.settimeout(0)

    def run(self) -> dict[str, Any]:
        """Serve for ever. Returns only in a fork: its order."""
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(self._woken_by.fileno())
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._wakes, selectors.EVENT_READ, _ENDED)
            selector.register(sys.stdin, selectors.EVENT_READ, _OVER)
            while True:
                for key, _ in selector.select():
                    if key.data == _OVER:
                        self._leave_none_behind()
                    if key.data == _ENDED:
                        self._tell_ends()
                    elif order := self._take_order():
                        self._forget()
                        return order

    def _take_order(self) -> dict[str, Any] | None:
        """Fork for the next order; returns it in the fork."""
        connection, _ = self._listener.accept()
        with connection.makefile("rb") as sent:
            order: dict[str, Any] = json.loads(sent.readline())
        for module in LOADED[order["words"][0]]:
            importlib.import_module(module)
        gc.collect()
        gc.freeze()
        server = os.getpid()
        pid = os.fork()
        if pid == 0:
            # Else it would outlive tests that were killed: it is in a session of its own.
            if not process_tree.end_with_parent(server, signal.SIGKILL):
                os._exit(1)
            connection.close()
            return order
        self._connections[pid] = connection
        connection.sendall(b"%d\n" % pid)
        return None

    def _tell_ends(self) -> None:
        self._wakes.recv(4096)
        while self._connections:
            pid, status = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                return
            with self._connections.pop(pid) as connection:
                connection.sendall(b"%d\n" % os.waitstatus_to_exitcode(status))

    def _leave_none_behind(self) -> NoReturn:
        for pid in self._connections:
            os.kill(pid, signal.SIGKILL)
        sys.exit()

    def _forget(self) -> None:
        """Close in a fork what is the server's."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        for one in (self._listener, self._wakes, self._woken_by, *self._connections.values()):
            one.close()


def become(order: dict[str, Any]) -> NoReturn:
    """Run the program of an order, as `python -m` does."""
    os.setsid()
    os.environ.clear()
    os.environ.update(order["environment"])
    tempfile.tempdir = None
    output = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    os.chdir(order["folder"])
    _open(order["keys"], os.O_RDONLY, sys.stdin.fileno())
    _open(order["output"], output, sys.stdout.fileno())
    if order["errors"] == order["output"]:
        os.dup2(sys.stdout.fileno(), sys.stderr.fileno())
    else:
        _open(order["errors"], output, sys.stderr.fileno())
    sys.argv = order["words"]
    runpy.run_module(sys.argv[0], run_name="__main__", alter_sys=True)
    sys.exit()


def _open(path: str, how: int, number: int) -> None:
    """Open a file in the place of a standard stream."""
    opened = os.open(path, how, 0o600)
    os.dup2(opened, number)
    os.close(opened)


def leave(end: SystemExit) -> NoReturn:
    """End as Python does, but leave the memory to the kernel.

    Python would take apart what it shares with the server, which copies all of it: a fifth of the CPU of a
    worker that does one job.
    """
    if end.code is not None and not isinstance(end.code, int):
        sys.stderr.write(f"{end.code}\n")
        end.code = 1
    threading._shutdown()  # type: ignore[attr-defined]  # noqa: SLF001 - waits for threads, as Python's end does
    atexit._run_exitfuncs()  # noqa: SLF001 - has no public name
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(end.code or 0)


def main(listener: int) -> NoReturn:
    with socket.socket(fileno=listener) as listening:
        order = Server(listening).run()
    try:
        become(order)
    except SystemExit as end:
        leave(end)


if __name__ == "__main__":
    main(int(sys.argv[1]))
