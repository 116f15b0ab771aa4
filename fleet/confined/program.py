"""Runs a program of ours on what strangers have sent: templates, pictures, PDFs.

Each run has a process of its own with limits, which is killed when its render or call ends. To start Python
and to import a library such as Jinja2 or pikepdf takes 70 to 100 ms of CPU, so a helper process
(fork_server.py) does it once and forks for each run: 6 to 9 ms. Runs on what no stranger has made may share a
process, one after the other. The helper is started by the first run, and ended when there was none for a
minute: who does not use it does not pay for it.
"""

import asyncio
import atexit
import os
import socket
import subprocess
import sys
import sysconfig
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

from fleet.confined.limits import BrokenProgramError, Limits
from fleet.confined.process import Process

_FORK_SERVER: Final = Path(__file__).with_name("fork_server.py")
_ROOT: Final = Path(__file__).parents[2]
# Python without what it looks up at its start: 10 ms instead of 16.
_FAST_START: Final = ("-S", "-s", "-P")
# All that a program may have of its starter's environment, which holds the keys to the database and to S3.
_INHERITED: Final = ("LD_LIBRARY_PATH", "TZ")
# For programs that touch much memory for a moment: glibc asks the kernel for pages of 2 MiB, which are faster
# to get than 512 pages of 4 KiB. Where glibc is older than 2.35, or is not the C library, it changes nothing.
# https://sourceware.org/glibc/manual/latest/html_node/Memory-Allocation-Tunables.html
LARGE_MEMORY_PAGES: Final[Mapping[str, str]] = {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
_END_S: Final = 5.0
# Of runs that share a process. What its libraries have kept of memory is given back with its end.
_MOST_RUNS: Final = 100

_with_helper: "set[ConfinedProgram]" = set()


class ConfinedProgram:
    """One program: a module with a function `work(data: bytes, *arguments: str) -> bytes`.

    The module imports its libraries when it is imported, and nothing that starts a thread.

    Attributes:
        module: its name.
    """

    def __init__(
        self,
        module: str,
        *,
        environment: Mapping[str, str] = MappingProxyType({}),
        idle_s: float = 60.0,
    ) -> None:
        """Start nothing yet.

        Args:
            module: its name.
            environment: variables that its libraries read.
            idle_s: so long after the last run its helper ends.
        """
        self.module = module
        self._idle_s = idle_s
        self._environment = environment
        self._helper: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None
        self._waiting: Process | None = None
        self._running = 0
        self._idle_timer: asyncio.TimerHandle | None = None

    async def run(self, data: bytes, *arguments: str, limits: Limits, is_shared: bool = False) -> bytes:
        """What `work` returns.

        When this ends, however it ends, the process of the run has ended, too; a shared one only if the run
        did not end well.

        Args:
            data: what is worked on.
            arguments: of `work`.
            limits: of this run.
            is_shared: the process may have done other runs before, and may do more: to fork one costs more
                than a short run. Only for data that cannot make the program do something else.

        Raises:
            LimitPassedError: it wanted more than it may use.
            RefusedWorkError: `work` has raised `Refusal`.
            BrokenProgramError: it failed in another way.
        """
        self._running += 1
        try:
            process = (self._take() if is_shared else None) or Process(*self._fork())
            is_last = not is_shared or process.runs + 1 >= _MOST_RUNS
            output = await process.run(data, arguments, limits, is_last=is_last)
            if not is_last:
                self._put(process)
            return output
        finally:
            self._running -= 1
            self._end_when_idle()

    def stop(self) -> None:
        """End the helper, if there is one, and all runs."""
        if self._waiting is not None:
            self._waiting.close()
            self._waiting = None
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

    def _take(self) -> Process | None:
        """The process that waits for work, if one does."""
        process, self._waiting = self._waiting, None
        if process is None or process.is_alive():
            return process
        process.close()
        return None

    def _put(self, process: Process) -> None:
        """Let a process wait for work; one is enough."""
        if self._waiting is None and self._helper is not None:
            self._waiting = process
        else:
            process.close()

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
            self._idle_timer = asyncio.get_running_loop().call_later(self._idle_s, self.stop)


@atexit.register
def stop_all() -> None:
    """End the helpers of all programs."""
    for program in tuple(_with_helper):
        program.stop()


def _environment() -> dict[str, str]:
    inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    paths = os.pathsep.join((str(_ROOT), sysconfig.get_path("purelib")))
    return {**inherited, "PYTHONPATH": paths, "LC_ALL": "C.UTF-8"}
