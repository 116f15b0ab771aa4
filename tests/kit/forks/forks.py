"""Programs of the product that are forked from a process which has loaded their modules already."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from tests.kit.paths import CLIENT, ROOT


def order(
    words: Sequence[str],
    environment: Mapping[str, str],
    output: Path,
    errors: Path | None,
    *,
    keys: Path | None = None,
    folder: Path = ROOT,
) -> bytes:
    """What the server is told."""
    document = {
        "words": words,
        "environment": dict(environment),
        "output": str(output),
        "errors": str(errors or output),
        "keys": os.devnull if keys is None else str(keys),
        "folder": str(folder),
    }
    return json.dumps(document).encode() + b"\n"


class Fork:
    """A running program. It has what tests use of `asyncio.subprocess.Process`."""

    def __init__(self, pid: int, end: asyncio.Task[int]) -> None:
        self.pid = pid
        self._end = end

    @property
    def returncode(self) -> int | None:
        """Its exit code; None while it runs."""
        return self._end.result() if self._end.done() else None

    async def wait(self) -> int:
        """Wait for its end; its exit code."""
        return await asyncio.shield(self._end)

    def send_signal(self, number: int) -> None:
        """Send it a signal, if it runs."""
        if self.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """Send SIGKILL."""
        self.send_signal(signal.SIGKILL)


class Forks:
    """The server of this process of the tests. It is started when the first program is."""

    def __init__(self) -> None:
        self._server: subprocess.Popen[bytes] | None = None
        self._address = ""

    @asynccontextmanager
    async def one(
        self,
        *words: str,
        environment: Mapping[str, str],
        output: Path,
        errors: Path | None = None,
        keys: Path | None = None,
        folder: Path = ROOT,
    ) -> AsyncIterator[Fork]:
        """Run a program; the block has to end it.

        Args:
            words: a module of `LOADED`, and its arguments.
            environment: all of its variables.
            output: file for its standard output.
            errors: file for its standard error; the same one if None.
            keys: file for its standard input; empty if None.
            folder: its working directory.
        """
        await asyncio.to_thread(output.touch)  # tests read it at once
        connected = socket.socket(socket.AF_UNIX)
        connected.connect(
            self.address()
        )  # it has a name that uvloop takes for none; to connect takes no time
        reader, writer = await asyncio.open_unix_connection(sock=connected)
        writer.write(order(words, environment, output, errors, keys=keys, folder=folder))
        pid = int(await reader.readline())

        async def ended() -> int:
            return int(await reader.readline())

        end = asyncio.create_task(ended())
        try:
            yield Fork(pid, end)
        finally:
            end.cancel()
            await asyncio.gather(end, return_exceptions=True)
            writer.close()

    def address(self) -> str:
        """Where the server listens; it is started if there is none."""
        if self._server is None:
            self._start()
        return self._address

    def _start(self) -> None:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(b"")  # Linux chooses a name, which is no file
            listener.listen()
            self._address = listener.getsockname().decode()
            self._server = subprocess.Popen(
                (sys.executable, "-m", "tests.kit.forks.server", str(listener.fileno())),
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(CLIENT)},
                stdin=subprocess.PIPE,
                pass_fds=(listener.fileno(),),
            )

    def stop(self) -> None:
        """End the server."""
        if self._server is not None:
            self._server.communicate()
            self._server = None


FORKS = Forks()
