"""Decides whether there is memory for one more render: a worker near its container's limit takes no job.

Above the limit the kernel kills a process of its own choice, and the jobs in that process are lost. So the
worker takes no new job while less than MEMORY_RESERVE_MB is free. It takes jobs again once a quarter more
than that is free. Renders that run go on; each that ends frees memory.

A worker that renders nothing and still has too little memory would wait for ever. It replaces its browser,
because browsers grow. If that does not help, it takes jobs one at a time and logs an error.
"""

import asyncio
import time
from collections.abc import Callable
from enum import Enum, auto
from typing import Final, Protocol

from fleet.telemetry.logs import get_logger
from fleet.telemetry.metrics.of_worker import (
    ADMISSION_HELD,
    CONTAINER_MEMORY_LIMIT_BYTES,
    CONTAINER_MEMORY_USED_BYTES,
)
from worker.resources.cgroup import ContainerMemory
from worker.resources.job_intake import BoundedJobIntake

_MIB: Final = 2**20
# One check costs 0.2 ms.
_CHECK_INTERVAL_S: Final = 1.0
# While jobs wait for memory, a render that ends should not leave its slot empty for a second.
_CHECK_INTERVAL_HELD_S: Final = 0.1
# Jobs are held below the reserve and released at 1.25 times the reserve. With one threshold for both, a
# single page could hold and release jobs again and again.
_RELEASE_FACTOR: Final = 1.25
# The processes of a closed page have ended within a second.
_PAGE_CLOSES_S: Final = 1.0
# After this time a new browser runs, or none can be launched.
_BROWSER_REPLACED_S: Final = 15.0

log = get_logger(__name__)


class MemoryMeter(Protocol):
    """Measures memory that has a limit: `worker/resources/cgroup.py`."""

    def memory(self) -> ContainerMemory:
        """The limit, and how much memory is used."""


class ReplaceableBrowser(Protocol):
    """The browser of this worker, which can be replaced by a new one: `worker/pool/pool.py`."""

    @property
    def generation(self) -> int:
        """How many browsers this worker has had, the current one included."""

    def wear_out(self) -> None:
        """Have the current browser replaced."""


class _State(Enum):
    OPEN = auto()
    HELD = auto()
    REPLACING = auto()
    ONE_AT_A_TIME = auto()


class Admission:
    """Measures the container's memory and admits as many jobs as fit.

    Attributes:
        REASON: why no job is taken; `/readyz` and `/v1/fleet` show this text.
        memory: what the last check measured.
    """

    REASON: Final = "too little memory is free"

    def __init__(
        self,
        container: MemoryMeter,
        jobs: BoundedJobIntake,
        browser: ReplaceableBrowser,
        *,
        slots: int,
        reserve_bytes: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Measure the memory once.

        Args:
            container: has the memory limit.
            jobs: takes the jobs.
            browser: is replaced when an idle worker has too little memory.
            slots: how many jobs the worker may run at once when there is enough memory.
            reserve_bytes: what one more render may need; 0: admit every job.
            clock: seconds; for tests.
        """
        self.memory = container.memory()
        self._container = container
        self._jobs = jobs
        self._browser = browser
        self._slots = slots
        self._reserve_bytes = reserve_bytes
        self._clock = clock
        self._state = _State.OPEN
        self._is_logged = False
        # When the next step against a shortage is due, and the generation of the browser to be replaced.
        self._next_step_at: float | None = None
        self._generation = 0

    async def run(self) -> None:
        """Check the memory for ever."""
        while True:
            self.check()
            held = self._state in {_State.HELD, _State.REPLACING}
            await asyncio.sleep(_CHECK_INTERVAL_HELD_S if held else _CHECK_INTERVAL_S)

    def check(self) -> None:
        """Measure the memory once, and set how many jobs may run."""
        self.memory = self._container.memory()
        CONTAINER_MEMORY_LIMIT_BYTES.set(self.memory.limit_bytes)
        CONTAINER_MEMORY_USED_BYTES.set(self.memory.used_bytes)
        if self._is_enough():
            self._admit()
        else:
            self._hold()
        ADMISSION_HELD.set(self._state is not _State.OPEN)

    def _is_enough(self) -> bool:
        wanted = self._reserve_bytes * (1 if self._state is _State.OPEN else _RELEASE_FACTOR)
        return self.memory.free_bytes >= wanted

    def _admit(self) -> None:
        fit = self.memory.free_bytes // self._reserve_bytes if self._reserve_bytes else self._slots
        self._jobs.allow(min(self._slots, self._jobs.running + fit), self.REASON)
        if self._state is _State.OPEN:
            return
        self._state = _State.OPEN
        self._next_step_at = None
        self._jobs.release(self.REASON)
        if self._is_logged:
            self._is_logged = False
            log.info("enough memory is free again, taking jobs", **self._figures())

    def _hold(self) -> None:
        if self._state is _State.OPEN:
            self._state = _State.HELD
            self._jobs.hold(self.REASON)
        # While every slot is taken no job has to wait, and a render that ends may free all that is missing.
        if not self._is_logged and self._jobs.running < self._slots:
            self._is_logged = True
            log.warning("too little memory is free, taking no jobs", **self._figures())
        if self._jobs.running == 0:
            self._free_memory_while_idle(self._clock())
        elif self._state is _State.HELD:
            self._next_step_at = None

    def _free_memory_while_idle(self, now: float) -> None:
        """In this order, each once in a shortage: wait, replace the browser, take jobs one at a time."""
        if self._state is _State.HELD:
            if self._next_step_at is None:
                self._next_step_at = now + _PAGE_CLOSES_S
            elif now >= self._next_step_at:
                self._state, self._next_step_at = _State.REPLACING, now + _BROWSER_REPLACED_S
                log.warning("too little memory without any render, replacing the browser", **self._figures())
                self._generation = self._browser.generation
                self._browser.wear_out()
        elif self._state is _State.REPLACING and self._next_step_at is not None:
            if self._generation != self._browser.generation:
                self._generation = self._browser.generation
                self._next_step_at = min(self._next_step_at, now + _PAGE_CLOSES_S)
            elif now >= self._next_step_at:
                self._take_one_at_a_time()

    def _take_one_at_a_time(self) -> None:
        self._state, self._next_step_at = _State.ONE_AT_A_TIME, None
        log.error(
            "too little memory even with a new browser, taking one job at a time",
            fix="raise the container's memory limit, or find what else uses memory in the container",
            **self._figures(),
        )
        self._jobs.allow(1, self.REASON)
        self._jobs.release(self.REASON)

    def _figures(self) -> dict[str, int]:
        return {
            "free_mb": self.memory.free_bytes // _MIB,
            "used_mb": self.memory.used_bytes // _MIB,
            "limit_mb": self.memory.limit_bytes // _MIB,
            "reserve_mb": self._reserve_bytes // _MIB,
        }
