"""`python -m worker.health [--ready] [--worker ID]`: is the worker alive, is it ready? For orchestrators.

Prints one sentence. The exit code is 0 for yes and 1 for no. It asks all workers of this DATA_DIR at their
Unix sockets (`worker/health/status_server.py`), which exist whether WORKER_METRICS_PORT is set or not. It
imports the standard library only and takes 50 ms, because an orchestrator runs it every few seconds.
"""

import argparse
import http.client
import json
import os
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from pathlib import Path
from typing import Final

# Relative to DATA_DIR: one folder for each worker (worker/browser/launch/scratch.py).
SCRATCH: Final = "scratch"
SOCKET: Final = "status.sock"
# The same default as in fleet/settings.py, which takes 200 ms to import. A test compares the two.
DEFAULT_DATA_DIR: Final = ".renderfleet"

# Longer than a worker takes to check its dependencies (fleet/telemetry/probes.py).
TIMEOUT_S: Final = 4.0


@contextmanager
def socket_address(folder: Path) -> Iterator[str]:
    """A short address of the socket in a worker's folder: it may have 107 bytes at most (unix(7))."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        yield f"/proc/self/fd/{descriptor}/{SOCKET}" if sys.platform == "linux" else str(folder / SOCKET)
    finally:
        os.close(descriptor)


class _Connection(http.client.HTTPConnection):
    """A connection to the worker that has this folder."""

    def __init__(self, folder: Path, timeout_s: float) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._folder = folder

    def connect(self) -> None:
        """Open the socket."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        with socket_address(self._folder) as address:
            self.sock.connect(address)


def ask(folder: Path, path: str, *, timeout_s: float = TIMEOUT_S) -> str | None:
    """Why the worker of this folder answers no; None: it answers yes.

    Raises:
        ConnectionRefusedError: nothing listens: the worker was killed and could not remove its folder.
        FileNotFoundError: the worker ended meanwhile.
    """
    connection = _Connection(folder, timeout_s)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        document = json.loads(answer.read())
    except TimeoutError:
        return f"it did not answer within {timeout_s:g} s"
    except (ConnectionResetError, BrokenPipeError, http.client.HTTPException, ValueError) as error:
        return f"its answer is incomplete: {error!r}"
    finally:
        connection.close()
    return None if answer.status == HTTPStatus.OK else "; ".join(document["reasons"])


def check(data_dir: Path, path: str, *, worker: str = "*", timeout_s: float = TIMEOUT_S) -> tuple[bool, str]:
    """Ask the workers below a folder. Returns whether all answer yes, and a sentence for people."""
    adjective = "ready" if path == "/readyz" else "alive"
    refusals, yes = [], 0
    for found in sorted((data_dir / SCRATCH).glob(f"{worker}/{SOCKET}")):
        try:
            reason = ask(found.parent, path, timeout_s=timeout_s)
        except (ConnectionRefusedError, FileNotFoundError):
            continue
        if reason is None:
            yes += 1
        else:
            refusals.append(f"worker {found.parent.name} is not {adjective}: {reason}")
    if refusals:
        return False, "; ".join(refusals)
    if not yes:
        return False, f"no worker listens below {data_dir.absolute()}"
    return True, f"{yes} worker{'s are' if yes > 1 else ' is'} {adjective}"


def main(words: list[str]) -> int:
    """Ask the workers, print the sentence, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m worker.health", description="Asks the local workers.")
    parser.add_argument(
        "--ready", action="store_true", help="ask whether they can render, not only whether they are alive"
    )
    parser.add_argument("--worker", metavar="ID", default="*", help="ask only this worker")
    parser.add_argument(
        "--timeout", type=float, metavar="S", default=TIMEOUT_S, help=f"wait S seconds [{TIMEOUT_S:g}]"
    )
    given = parser.parse_args(words)
    data_dir = Path(os.environ.get("RENDERFLEET_DATA_DIR") or DEFAULT_DATA_DIR)
    path = "/readyz" if given.ready else "/livez"
    is_healthy, sentence = check(data_dir, path, worker=given.worker, timeout_s=given.timeout)
    sys.stdout.write(f"{sentence}\n")
    return 0 if is_healthy else 1
