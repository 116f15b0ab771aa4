"""Watching over the children of a run: who has died, who is started again, who ends the run."""

import time
from collections import deque
from collections.abc import Sequence
from typing import Final

from deploy.embedded.engines.engines import Engines
from deploy.embedded.install.progress import say
from deploy.embedded.processes import process_tree
from deploy.embedded.processes.process import Child, Program

WATCH_S: Final = 0.1

# A worker ends itself when its browser cannot be relaunched, and a new one is the cure. One that dies five
# times in five minutes will not get better by a sixth start.
MAX_RESTARTS: Final = 5
RESTART_WINDOW_S: Final = 300.0
RESTART_DELAY_S: Final = 0.5

# Together below the 10 s that stopping may take. WORKERS_STOP_S leaves room beyond their own grace time.
WORKERS_STOP_S: Final = 5.0
API_STOP_S: Final = 1.5
ENGINES_STOP_S: Final = 2.0


class RunEndedError(Exception):
    """A child died that the run cannot go on without; the text says which, how, and its last words."""


class Service:
    """The API or one worker: a program that is started again when it dies."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.child = Child.start(program)
        self._restarts: deque[float] = deque(maxlen=MAX_RESTARTS)
        self._due: float | None = None

    def require_alive(self) -> None:
        """Used while everything starts, when a death is no accident but a mistake in the settings.

        Raises:
            RunEndedError: it has ended.
        """
        if not self.child.running:
            raise RunEndedError(self._obituary())

    def watch(self) -> None:
        """Start it again, a moment after it died.

        Raises:
            RunEndedError: it died too often.
            ProcessError: it cannot be started.
        """
        now = time.monotonic()
        if self._due is not None:
            if now >= self._due:
                self._due = None
                self.child = Child.start(self.program)
            return
        if self.child.running:
            return
        if len(self._restarts) == MAX_RESTARTS and now - self._restarts[0] < RESTART_WINDOW_S:
            raise RunEndedError(f"{self._obituary()}\nIt died {MAX_RESTARTS + 1} times in a few minutes.")
        self._restarts.append(now)
        self._due = now + RESTART_DELAY_S * len(self._restarts)
        say(f"{self._obituary()}\n{self.program.name} is started again.")

    def _obituary(self) -> str:
        return f"{self.program.name} {self.child.end}. {self.child.last_words()}"


class ServiceSupervisor:
    """All children of one run. `stop` leaves none of them, whatever happened before."""

    def __init__(self, engines: Engines) -> None:
        self.engines = engines
        self.api: Service | None = None
        self.workers: list[Service] = []

    @property
    def services(self) -> Sequence[Service]:
        """API and workers, as far as they were started."""
        return [*([self.api] if self.api else []), *self.workers]

    def require_all_alive(self) -> None:
        """Raises RunEndedError when any child has ended."""
        self._require_engines()
        for service in self.services:
            service.require_alive()

    def watch(self) -> None:
        """One look at every child.

        Raises:
            RunEndedError: an engine died, or a service too often.
        """
        self._require_engines()
        for service in self.services:
            service.watch()
        process_tree.reap_orphans(self._child_pids())

    def _require_engines(self) -> None:
        for engine in self.engines.all:
            if engine.child is not None and not engine.running:
                raise RunEndedError(f"{engine.title} {engine.child.end}. {engine.child.last_words()}")

    def _child_pids(self) -> set[int]:
        engines = {engine.child.pid for engine in self.engines.all if engine.child is not None}
        return engines | {service.child.pid for service in self.services}

    def stop(self) -> None:
        """Workers first, which hand back their jobs; then the API; then the engines; then what is left.

        Each in turn gets its time and is then killed.
        """
        _stop_together([worker.child for worker in self.workers], WORKERS_STOP_S)
        _stop_together([self.api.child] if self.api else [], API_STOP_S)
        self.engines.close(ENGINES_STOP_S)
        process_tree.end_all_children()


def _stop_together(children: Sequence[Child], timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    for child in children:
        child.ask_to_stop()
    for child in children:
        if not child.wait(max(0.0, deadline - time.monotonic())):
            say(f"{child.program.name} did not stop within {timeout_s:.1f} s and is killed.")
        child.kill()
