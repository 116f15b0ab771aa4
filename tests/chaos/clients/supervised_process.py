"""Runs one process of the product, and starts it again whenever it ends, as orchestrators do."""

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from deploy.embedded.processes import process_tree
from deploy.embedded.processes.process import ChildProcess, Program
from tests.chaos.clients.waiting import until

_POLL_S: Final = 0.05
_READY_S: Final = 90.0
_RESTART_S: Final = 0.2
_STOP_S: Final = 15.0

Starter = Callable[[Program], ChildProcess]
ReadyCheck = Callable[["SupervisedProcess"], Awaitable[bool]]


class NotReadyError(Exception):
    """A process of the product did not get ready although there was no fault; the message says which."""


@dataclass(slots=True)
class ProcessRun:
    """One process, from its start to its end.

    Attributes:
        intended_end: which fault has ended it; empty: it ended by itself.
    """

    child: ChildProcess
    log: Path
    started_at: float
    ended_at: float | None = None
    intended_end: str = ""
    lines_read: int = field(default=0, repr=False)

    def lines(self) -> list[dict[str, Any]]:
        """The lines that it has logged, without incomplete ones."""
        found = []
        for line in self.log.read_text(errors="replace").splitlines():
            with suppress(ValueError):
                if line.startswith("{"):
                    found.append(json.loads(line))
        return found


class SupervisedProcess:
    """A process that is started again when it ends.

    Attributes:
        runs: all its processes; the last one is the current one.
    """

    def __init__(
        self,
        name: str,
        words: tuple[str, ...],
        variables: Mapping[str, str],
        folder: Path,
        *,
        ready: ReadyCheck,
        start: Starter = ChildProcess.start,
    ) -> None:
        self.name = name
        self.runs: list[ProcessRun] = []
        self._words = words
        self._variables = variables
        self._folder = folder
        self._is_ready = ready
        self._start = start
        self._stopping = False
        self._keeper: asyncio.Task[None] | None = None

    @property
    def current(self) -> ProcessRun:
        """The current process."""
        return self.runs[-1]

    @property
    def pid(self) -> int:
        """Id of the current process."""
        return self.current.child.pid

    async def start(self) -> None:
        """Start it. From now on it is started again whenever it ends."""
        await self._begin()
        self._keeper = asyncio.create_task(self._keep())

    async def _begin(self) -> None:
        log = self._folder / f"{self.name}-{len(self.runs) + 1}.log"
        command = (sys.executable, "-m", *self._words)
        program = Program(self.name, command, log, self._variables, unprivileged=True)
        child = await asyncio.to_thread(self._start, program)
        self.runs.append(ProcessRun(child, log, time.time()))

    async def _keep(self) -> None:
        while not self._stopping:
            if not self.current.child.running:
                self.current.ended_at = time.time()
                await asyncio.sleep(_RESTART_S)
                await self._begin()
            await asyncio.sleep(_POLL_S)  # another thread has started it, so this loop gets no event

    def send(self, number: signal.Signals, *, reason: str = "") -> None:
        """Send a signal to the process, but not to its browser."""
        if reason:
            self.current.intended_end = reason
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    async def replaced(self, process_run: ProcessRun) -> None:
        """Wait until that process has ended and the next one is ready.

        Raises:
            NotReadyError: it runs on, or its successor does not get ready.
        """

        async def is_replaced() -> bool:
            return self.current is not process_run

        if not await until(is_replaced, _READY_S):
            raise NotReadyError(f"{self.name} did not end:\n{process_run.child.log_tail()}")
        await self.ready()

    async def ready(self) -> None:
        """Wait until the current process is ready.

        Raises:
            NotReadyError: it does not get ready in time.
        """
        if not await until(lambda: self._is_ready(self), _READY_S):
            # Of the last two processes: the last one may have just started.
            logs = [process_run.child.log_tail() for process_run in self.runs[-2:]]
            raise NotReadyError("\n".join([f"{self.name} did not get ready:", *logs]))

    async def stop(self) -> None:
        """End it and do not start it again; also if it is frozen."""
        self._stopping = True
        if self._keeper is not None:
            await self._keeper
        if self.runs:
            process_tree.send(self.pid, signal.SIGCONT)
            await asyncio.to_thread(self.current.child.stop, _STOP_S)
            self.current.ended_at = self.current.ended_at or time.time()
