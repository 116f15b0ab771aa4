"""What the embedded engines have in common: start until one answers, stop, kill, start on the same port."""

import os
import signal
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar, Final

from deploy.embedded.data_dir import DataDir
from deploy.embedded.engines.ports import LOOPBACK, free_port
from deploy.embedded.processes.process import INTERRUPTED_S, POLL_S, Child, Pause, ProcessError, Program

START_TIMEOUT_S: Final = 30.0
STOP_TIMEOUT_S: Final = 5.0
PORT_TRIES: Final = 3

# Engines and one-shot commands are shielded from settings meant for other programs (PGHOST, RCLONE_...).
KEPT_VARIABLES: Final = ("PATH", "LANG", "TZ", "LD_LIBRARY_PATH")


class EngineError(Exception):
    """An engine is missing, does not start or has died; the text is for people."""


def clean_environment(**variables: str) -> dict[str, str]:
    """What every program needs of our own environment, and nothing else, plus `variables`."""
    kept = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    return {**kept, **variables}


class Engine(ABC):
    """One server on loopback with its data in one folder.

    All methods are synchronous and may be called from any thread, one at a time.

    Attributes:
        port: where it listens. Chosen at the first start unless given, and kept afterwards.
        folder: its data.
    """

    title: ClassVar[str]
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    death_signal: ClassVar[signal.Signals] = signal.SIGKILL
    unprivileged: ClassVar[bool] = False

    def __init__(self, data_dir: DataDir, *, port: int | None = None, pause: Pause = time.sleep) -> None:
        self.data_dir = data_dir
        self.folder: Path = data_dir.path / self.title.lower()
        self.log: Path = data_dir.path / "log" / f"{self.title.lower()}.log"
        self.child: Child | None = None
        self._port_is_fixed = port is not None
        self.port = port or 0
        self._pause = pause

    @property
    def running(self) -> bool:
        """Whether the server's process lives."""
        return self.child is not None and self.child.running

    def start(self) -> None:
        """Start the server and return when it answers in its own protocol; nothing happens if it runs.

        Raises:
            EngineError: it ended or did not answer within 30 s; the message holds the end of its log.
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
        """End the server in order, or with SIGKILL after `timeout_s`; nothing happens if it does not run."""
        if self.child is not None:
            self.child.stop(timeout_s)

    def kill(self) -> None:
        """End the server with SIGKILL, as a crash would."""
        if self.child is not None:
            self.child.kill()

    def restart(self) -> None:
        """Stop, then start on the same port."""
        self.stop()
        self.start()

    def _start_once(self, *, last: bool) -> bool:
        """Try one port; False when somebody else has it and another may be tried."""
        if not self._port_is_fixed:
            self.port = free_port()
        self.child = Child.start(
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
            return self._answered(self.child, last=last)
        except BaseException:
            self.child.kill()
            raise

    def _answered(self, child: Child, *, last: bool) -> bool:
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self.answers():
            if not child.running:
                if not last and "in use" in child.log_tail():
                    return False
                self._pause(INTERRUPTED_S)
                raise EngineError(f"{self.title} {child.end}. {child.last_words()}")
            if time.monotonic() > deadline:
                raise EngineError(
                    f"{self.title} did not answer on {LOOPBACK}:{self.port} within {START_TIMEOUT_S:.0f} s. "
                    f"{child.last_words()}"
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
        """Variables for the server; secrets travel here or in files, never in arguments."""
        return {}

    @abstractmethod
    def answers(self) -> bool:
        """Whether the server answers a real request with our credentials."""
