"""Runs a program of ours on what strangers have sent: templates, pictures, PDFs.

Each run has a process of its own with limits, which is killed when its render or call ends. To start Python
and to import a library such as Jinja2 or pikepdf takes 70 to 100 ms of CPU, so a helper process
(fork_server.py) does it once and forks for each run: 6 ms. The helper is started by the first run, and ended
when there was none for a minute: who does not use it does not pay for it.
"""

import asyncio
import atexit
import contextlib
import json
import os
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from signal import SIGALRM, SIGXCPU
from types import MappingProxyType
from typing import Any, Final

from fleet.confined.child import EXIT_LIMITS, EXIT_REFUSED
from fleet.confined.limits import BrokenProgramError, Limit, LimitPassedError, Limits, RefusedWorkError

_FORK_SERVER: Final = Path(__file__).with_name("fork_server.py")
_ROOT: Final = Path(__file__).parents[2]
# Python without what it looks up at its start: 10 ms instead of 16.
_FAST_START: Final = ("-S", "-s", "-P")
# All that a program may have of its starter's environment, which holds the keys to the database and to S3.
_INHERITED: Final = ("LD_LIBRARY_PATH", "TZ")
_IDLE_S: Final = 60.0
# A child that does not end in time ends itself. It takes longer only if the helper or the machine hangs.
_LATE_S: Final = 60.0
_END_S: Final = 5.0
_SIGNALS: Final = {-SIGALRM: Limit.TIME, -SIGXCPU: Limit.CPU}
_READ_BYTES: Final = 256 * 1024
_MAX_REPORT_BYTES: Final = 64 * 1024

_with_helper: "set[ConfinedProgram]" = set()


class ConfinedProgram:
    """One program: a module with a function `work(data: bytes, *arguments: str) -> bytes`.

    The module imports its libraries when it is imported, and nothing that starts a thread.

    Attributes:
        module: its name.
    """

    def __init__(self, module: str, *, environment: Mapping[str, str] = MappingProxyType({})) -> None:
        """Start nothing yet.

        Args:
            module: its name.
            environment: variables that its libraries read.
        """
        self.module = module
        self._environment = environment
        self._helper: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._running = 0
        self._idle_timer: asyncio.TimerHandle | None = None

    async def run(self, data: bytes, *arguments: str, limits: Limits) -> bytes:
        """What `work` returns. When this ends, however it ends, the process of the run has ended too.

        Args:
            data: what is worked on.
            arguments: of `work`.
            limits: of this run.

        Raises:
            LimitPassedError: it wanted more than it may use.
            RefusedWorkError: `work` has raised `Refusal`.
            BrokenProgramError: it failed in another way.
        """
        head = {"arguments": arguments, **asdict(limits)}
        self._running += 1
        try:
            work, report = self._fork()
            return await _result(work, report, json.dumps(head).encode() + b"\n" + data, limits)
        finally:
            self._running -= 1
            self._end_when_idle()

    def stop(self) -> None:
        """End the helper, if there is one, and all runs."""
        if self._helper is None or self._control is None:
            return
        self._control.close()  # the helper kills its children and ends
        try:
            self._helper.wait(_END_S)
        except subprocess.TimeoutExpired:
            self._helper.kill()
            self._helper.wait()
        self._helper = self._control = None
        _with_helper.discard(self)

    def _fork(self) -> tuple[socket.socket, socket.socket]:
        """Let the helper start a process.

        Returns:
            What the process reads its work from and writes its result to, and what it reports its end to.
        """
        ours, theirs = zip(socket.socketpair(), socket.socketpair(), strict=True)
        try:
            try:
                self._send(theirs)
            except OSError:  # the helper was killed since the last run
                self._send(theirs)
        except OSError as error:
            for one in ours:
                one.close()
            raise BrokenProgramError(f"{self.module} could not be started") from error
        finally:
            for one in theirs:
                one.close()
        return ours

    def _send(self, ends: tuple[socket.socket, ...]) -> None:
        if self._control is None:
            self._start()
        assert self._control is not None, "_start leaves it"  # noqa: S101
        try:
            socket.send_fds(self._control, [b"1"], [one.fileno() for one in ends])
        except OSError:
            self.stop()
            raise

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            command = (sys.executable, *_FAST_START, _FORK_SERVER, self.module, str(theirs.fileno()))
            self._helper = subprocess.Popen(  # noqa: S603 - a program of ours
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(),),
                env={**_environment(), **self._environment},
                start_new_session=True,  # Ctrl-C is for the worker, which ends it
            )
        self._control = ours
        _with_helper.add(self)

    def _end_when_idle(self) -> None:
        if self._idle_timer is not None:
            self._idle_timer.cancel()
            self._idle_timer = None
        if not self._running:
            self._idle_timer = asyncio.get_running_loop().call_later(_IDLE_S, self.stop)


@atexit.register
def stop_all() -> None:
    """End the helpers of all programs."""
    for program in tuple(_with_helper):
        program.stop()


def _environment() -> dict[str, str]:
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    paths = os.pathsep.join((str(_ROOT), sysconfig.get_path("purelib")))
    return {**inherited, "PYTHONPATH": paths, "LC_ALL": "C.UTF-8"}


async def _result(work: socket.socket, report: socket.socket, message: bytes, limits: Limits) -> bytes:
    (reader, writer), (reports, reports_writer) = await _open(work, report)
    report_read = asyncio.create_task(_last_words(reports))
    try:
        async with asyncio.timeout(limits.wall_s + _LATE_S):
            writer.write(message)
            writer.write_eof()
            output = await _read(reader, limits)
            said = await asyncio.shield(report_read)
    except TimeoutError as error:
        raise LimitPassedError(Limit.TIME, limits) from error
    finally:
        writer.close()
        await _end(reports_writer, report_read)
    _require_success(said, limits)
    return output


_Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]


async def _open(work: socket.socket, report: socket.socket) -> tuple[_Streams, _Streams]:
    """Both as streams. If this is cancelled, both are closed, and the helper kills the process."""
    try:
        first = await asyncio.open_unix_connection(sock=work)
    except BaseException:
        work.close()
        report.close()
        raise
    try:
        return first, await asyncio.open_unix_connection(sock=report)
    except BaseException:
        first[1].close()
        report.close()
        raise


async def _read(reader: asyncio.StreamReader, limits: Limits) -> bytes:
    pieces: list[bytes] = []
    left = limits.output_bytes
    # A process that ended before it had read its work resets the connection. Its report says why it ended.
    with contextlib.suppress(ConnectionError):
        while piece := await reader.read(_READ_BYTES):
            pieces.append(piece)
            left -= len(piece)
            if left < 0:
                raise LimitPassedError(Limit.OUTPUT, limits)
    return b"".join(pieces)


async def _last_words(reports: asyncio.StreamReader) -> bytes:
    """Read a report to its end. A library may have written many warnings: only the last ones are kept."""
    words = b""
    with contextlib.suppress(ConnectionError):
        while piece := await reports.read(_READ_BYTES):
            words = (words + piece)[-_MAX_REPORT_BYTES:]
    return words


async def _end(writer: asyncio.StreamWriter, report_read: asyncio.Task[bytes]) -> None:
    """Let the helper kill the process if it still runs, and wait for its end."""
    with contextlib.suppress(OSError):
        writer.write_eof()
    await asyncio.wait((report_read,), timeout=_END_S)
    report_read.cancel()
    writer.close()


def _require_success(said: bytes, limits: Limits) -> None:
    """Read the report: what the program wrote to its standard error, and in the last line how it ended.

    Raises:
        ConfinedError: it did not succeed.
    """
    words, _, end = said.rpartition(b"\n")
    if not end:
        raise BrokenProgramError("its helper ended")
    code: int = json.loads(end)
    if limit := _SIGNALS.get(code) or EXIT_LIMITS.get(code):
        raise LimitPassedError(limit, limits)
    if code == EXIT_REFUSED:
        facts: dict[str, Any] = json.loads(words.rpartition(b"\n")[2])
        raise RefusedWorkError(facts)
    if code:
        raise BrokenProgramError(f"it ended with {code}: {words.decode(errors='replace')[-2000:]}")
