"""Base class of the embedded engines: start and wait for an answer, stop, kill, restart on the same port."""

import os
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Final

from deploy.embedded.data_dir import DataDir
from deploy.embedded.engines.ports import LOOPBACK, free_port
from deploy.embedded.processes.process import (
    INTERRUPTED_S,
    POLL_S,
    ChildProcess,
    Pause,
    ProcessError,
    Program,
)

START_TIMEOUT_S: Final = 30.0
STOP_TIMEOUT_S: Final = 5.0
PORT_TRIES: Final = 3

# Only these are passed on to engines and commands. Others (PGHOST, RCLONE_...) may be meant for programs of
# the user.
KEPT_VARIABLES: Final = ("PATH", "LANG", "TZ", "LD_LIBRARY_PATH")


class EngineError(Exception):
    """An engine is not installed, does not start or has ended; the message is for people."""


def clean_environment(**variables: str) -> dict[str, str]:
    """The variables of this process that every program needs, and `variables`; no others."""
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    return {**kept, **variables}


class Engine(ABC):
    """One server on loopback with its data in one folder.

    All methods are synchronous and may be called from any thread, one at a time.

    Attributes:
        port: where it listens. If none is given, the first start chooses one, and later starts keep it.
        folder: for its data.
    """

    title: ClassVar[str]
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    death_signal: ClassVar[signal.Signals] = signal.SIGKILL
    unprivileged: ClassVar[bool] = False

    def __init__(self, data_dir: DataDir, *, port: int | None = None, pause: Pause = time.sleep) -> None:
        self.data_dir = data_dir
        self.folder: Path = data_dir.path / self.title.lower()
        self.log: Path = data_dir.path / "log" / f"{self.title.lower()}.log"
        self.child: ChildProcess | None = None
        self._port_is_fixed = port is not None
        self.port = port or 0
        self._pause = pause

    @property
    def running(self) -> bool:
        """Whether the server's process is running."""
        return self.child is not None and self.child.running

    def start(self) -> None:
        """Start the server, and return when it answers a request. Do nothing if it is running.

        Raises:
            EngineError: it ended or did not answer within 30 s; the message contains the end of its log.
        """
        if self.running:
            return
        try:
            self.prepare()
            tries = 1 if self._port_is_fixed else PORT_TRIES
            while not self._start_once(last=tries == 1):
                tries -= 1
        except ProcessError as error:
            raise EngineError(str(error)) from error
        self._port_is_fixed = True

    def stop(self, timeout_s: float = STOP_TIMEOUT_S) -> None:
        """Ask the server to end; kill it after `timeout_s`. Do nothing if it is not running."""
        if self.child is not None:
            self.child.stop(timeout_s)

    def kill(self) -> None:
        """End the server with SIGKILL, to simulate a crash."""
        if self.child is not None:
            self.child.kill()

    def restart(self) -> None:
        """Stop the server, then start it on the same port."""
        self.stop()
        self.start()

    def _start_once(self, *, last: bool) -> bool:
        """Try one port. False: the port is in use, and another one may be tried."""
        if not self._port_is_fixed:
            self.port = free_port()
        self.child = ChildProcess.start(
            Program(
                name=self.title,
                command=self.command(),
                log=self.log,
                environment=clean_environment(**self.environment()),
                unprivileged=self.unprivileged,
                death_signal=self.death_signal,
                stop_signal=self.stop_signal,
                inherited=(self.data_dir.lock,),
            )
        )
        try:
            return self._wait_for_answer(self.child, last=last)
        except BaseException:
            self.child.kill()
            raise

    def _wait_for_answer(self, child: ChildProcess, *, last: bool) -> bool:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self.answers():
            if not child.running:
                if not last and "in use" in child.log_tail():
                    return False
                self._pause(INTERRUPTED_S)
                raise EngineError(f"{self.title} {child.end}. {child.log_excerpt()}")
            if time.monotonic() > deadline:
                raise EngineError(
                    f"{self.title} did not answer on {LOOPBACK}:{self.port} within {START_TIMEOUT_S:.0f} s. "
                    f"{child.log_excerpt()}"
                )
            self._pause(POLL_S)
        return True

    def prepare(self) -> None:
        """Make what the server needs before it starts."""
        self.folder.mkdir(mode=0o700, exist_ok=True)

    @abstractmethod
    def command(self) -> Sequence[str]:
        """The server's program and arguments."""

    def environment(self) -> Mapping[str, str]:
        """Variables for the server. Secrets are passed here or in files, never in arguments."""
        return {}

    @abstractmethod
    def answers(self) -> bool:
        """Whether the server answers a request with our credentials."""
