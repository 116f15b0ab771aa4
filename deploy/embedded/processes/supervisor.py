"""Watches the child processes of a run: starts services again that have ended, and ends the run if needed."""

import time
from collections import deque
from collections.abc import Sequence
from typing import Final

from deploy.embedded.engines.engines import Engines
from deploy.embedded.install.progress import say
from deploy.embedded.processes import process_tree
from deploy.embedded.processes.process import ChildProcess, Program

WATCH_S: Final = 0.1

# A worker ends itself when it cannot launch a browser; a new worker often can. If it has been started again
# five times in five minutes, another start would not help.
MAX_RESTARTS: Final = 5
RESTART_WINDOW_S: Final = 300.0
RESTART_DELAY_S: Final = 0.5

# Together less than the 10 s that stopping may take. WORKERS_STOP_S is more than the workers' own grace time.
WORKERS_STOP_S: Final = 5.0
API_STOP_S: Final = 1.5
ENGINES_STOP_S: Final = 2.0


class RunEndedError(Exception):
    """A child has ended without which the run cannot continue. The message contains the end of its log."""


class Service:
    """The API or one worker: a program that is started again when it ends."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.child = ChildProcess.start(program)
        self._restarts: deque[float] = deque(maxlen=MAX_RESTARTS)
        self._due: float | None = None

    def require_alive(self) -> None:
        """Check that it is running. For the start: a service that ends then has wrong settings.

        Raises:
            RunEndedError: it has ended.
        """
        if not self.child.running:
            raise RunEndedError(self._how_it_ended())

    def watch(self) -> None:
        """Check it once; if it has ended, start it again after a short pause.

        Raises:
            RunEndedError: it has ended too often.
            ProcessError: it cannot be started.
        """
        now = time.monotonic()
        if self._due is not None:
            if now >= self._due:
                self._due = None
                self.child = ChildProcess.start(self.program)
            return
        if self.child.running:
            return
        if len(self._restarts) == MAX_RESTARTS and now - self._restarts[0] < RESTART_WINDOW_S:
            raise RunEndedError(
                f"{self._how_it_ended()}\nIt has ended {MAX_RESTARTS + 1} times in a few minutes."
            )
        self._restarts.append(now)
        self._due = now + RESTART_DELAY_S * len(self._restarts)
        say(f"{self._how_it_ended()}\n{self.program.name} is started again.")

    def _how_it_ended(self) -> str:
        return f"{self.program.name} {self.child.end}. {self.child.log_excerpt()}"


class ServiceSupervisor:
    """All child processes of one run. After `stop` none of them is running."""

    def __init__(self, engines: Engines) -> None:
        self.engines = engines
        self.api: Service | None = None
        self.workers: list[Service] = []

    @property
    def services(self) -> Sequence[Service]:
        """The API and the workers that were started."""
        return [*([self.api] if self.api else []), *self.workers]

    def require_all_alive(self) -> None:
        """Check that all children are running.

        Raises:
            RunEndedError: one of them has ended.
        """
        self._require_engines()
        for service in self.services:
            service.require_alive()

    def watch(self) -> None:
        """Check each child once; start services again that have ended.

        Raises:
            RunEndedError: an engine has ended, or a service too often.
        """
        self._require_engines()
        for service in self.services:
            service.watch()
        process_tree.reap_orphans(self._child_pids())

    def _require_engines(self) -> None:
        for engine in self.engines.all:
            if engine.child is not None and not engine.running:
                raise RunEndedError(f"{engine.title} {engine.child.end}. {engine.child.log_excerpt()}")

    def _child_pids(self) -> set[int]:
        engines = {engine.child.pid for engine in self.engines.all if engine.child is not None}
        return engines | {service.child.pid for service in self.services}

    def stop(self) -> None:
        """Stop the workers, which put their jobs back; then the API, the engines, and all other children.

        Each group has a time limit and is then killed.
        """
        _stop_together([worker.child for worker in self.workers], WORKERS_STOP_S)
        _stop_together([self.api.child] if self.api else [], API_STOP_S)
        self.engines.close(ENGINES_STOP_S)
        process_tree.end_all_children()


def _stop_together(children: Sequence[ChildProcess], timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    for child in children:
        child.ask_to_stop()
    for child in children:
        if not child.wait(max(0.0, deadline - time.monotonic())):
            say(f"{child.program.name} did not stop within {timeout_s:.1f} s and is killed.")
        child.kill()
