"""One process of the product: started, watched, and started again when it has ended, as orchestrators do."""

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
from tests.chaos.clients.patience import until

_POLL_S: Final = 0.05
_READY_S: Final = 90.0
_RESTART_S: Final = 0.2
_STOP_S: Final = 15.0

ReadyCheck = Callable[["Member"], Awaitable[bool]]


class NotReadyError(Exception):
    """A process of the product did not get ready, though nothing was in its way; the text says which."""


@dataclass(slots=True)
class Life:
    """One process from its start to its end.

    Attributes:
        wanted_end: why it was to end, in the words of the fault; empty: it ended by itself.
    """

    child: ChildProcess
    log: Path
    started_at: float
    ended_at: float | None = None
    wanted_end: str = ""
    lines_read: int = field(default=0, repr=False)

    def lines(self) -> list[dict[str, Any]]:
        """What it has logged, line by line; a line that was cut off in the middle is left out."""
        found = []
        for line in self.log.read_text(errors="replace").splitlines():
            with suppress(ValueError):
                if line.startswith("{"):
                    found.append(json.loads(line))
        return found


class Member:
    """A place in the fleet, filled by one process after the other.

    Attributes:
        lives: all its processes; the last one is the present one.
    """

    def __init__(
        self,
        name: str,
        words: tuple[str, ...],
        variables: Mapping[str, str],
        folder: Path,
        *,
        ready: ReadyCheck,
    ) -> None:
        self.name = name
        self.lives: list[Life] = []
        self._words = words
        self._variables = variables
        self._folder = folder
        self._is_ready = ready
        self._stopping = False
        self._keeper: asyncio.Task[None] | None = None

    @property
    def life(self) -> Life:
        """The present process."""
        return self.lives[-1]

    @property
    def pid(self) -> int:
        """Of the present process."""
        return self.life.child.pid

    async def start(self) -> None:
        """Start it; from now on it is started again whenever it ends."""
        await self._begin()
        self._keeper = asyncio.create_task(self._keep())

    async def _begin(self) -> None:
        log = self._folder / f"{self.name}-{len(self.lives) + 1}.log"
        command = (sys.executable, "-m", *self._words)
        program = Program(self.name, command, log, self._variables, unprivileged=True)
        child = await asyncio.to_thread(ChildProcess.start, program)
        self.lives.append(Life(child, log, time.time()))

    async def _keep(self) -> None:
        while not self._stopping:
            if not self.life.child.running:
                self.life.ended_at = time.time()
                await asyncio.sleep(_RESTART_S)
                await self._begin()
            await asyncio.sleep(_POLL_S)  # a child of another thread tells this loop nothing

    def send(self, number: signal.Signals, *, reason: str = "") -> None:
        """Send a signal to the process alone, not to its browser."""
        if reason:
            self.life.wanted_end = reason
        with suppress(ProcessLookupError):
            os.kill(self.pid, number)

    async def replaced(self, life: Life) -> None:
        """Wait until that process has ended and the next one is ready.

        Raises:
            NotReadyError: it lives on, or its successor does not get ready.
        """

        async def is_replaced() -> bool:
            return self.life is not life

        if not await until(is_replaced, _READY_S):
            raise NotReadyError(f"{self.name} did not end:\n{life.child.log_tail()}")
        await self.ready()

    async def ready(self) -> None:
        """Wait until the present process works.

        Raises:
            NotReadyError: it does not.
        """
        if not await until(lambda: self._is_ready(self), _READY_S):
            said = [life.child.log_tail() for life in self.lives[-2:]]  # the last one may have just begun
            raise NotReadyError("\n".join([f"{self.name} did not get ready:", *said]))

    async def stop(self) -> None:
        """End it for good, frozen or not."""
        self._stopping = True
        if self._keeper is not None:
            await self._keeper
        if self.lives:
            process_tree.send(self.pid, signal.SIGCONT)
            await asyncio.to_thread(self.life.child.stop, _STOP_S)
            self.life.ended_at = self.life.ended_at or time.time()
