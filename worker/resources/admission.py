"""Whether there is memory for one more render: a worker near its container's limit takes no job.

Beyond the limit the kernel ends whichever process it likes, and the jobs in it with it. So new jobs stop
coming while less than MEMORY_RESERVE_MB is free, and come again once there is a quarter more than that. What
runs goes on; what ends gives memory back.

A worker that renders nothing and still has too little would wait for ever. It replaces its browser, which is
what grows; if that does not help, it takes jobs again, one at a time: slow, and said loudly.
"""

import asyncio
import time
from collections.abc import Callable
from enum import Enum, auto
from typing import Final, Protocol

from fleet.telemetry.logs import get_logger
from fleet.telemetry.metrics import (
    ADMISSION_HELD,
    CONTAINER_MEMORY_LIMIT_BYTES,
    CONTAINER_MEMORY_USED_BYTES,
)
from worker.resources.cgroup import ContainerMemory

_MIB: Final = 2**20
# A look costs 0.2 ms.
_LOOK_INTERVAL_S: Final = 1.0
# While jobs wait for memory, a render that ends should not leave its slot empty for a second.
_LOOK_INTERVAL_HELD_S: Final = 0.1
# Memory is back when there is a quarter more than what holds jobs up: one page shall not turn it to and fro.
_BACK: Final = 1.25
# The processes of a page that was closed are gone within a second.
_SETTLE_S: Final = 1.0
# By then a new browser was launched, or none can be.
_REPLACE_S: Final = 15.0

log = get_logger(__name__)


class Measured(Protocol):
    """What has a limit: `worker/resources/cgroup.py`."""

    def memory(self) -> ContainerMemory:
        """How much there is, and how much of it is taken."""


class Jobs(Protocol):
    """How many jobs this worker takes."""

    @property
    def running(self) -> int:
        """Jobs that it has."""

    def allow(self, at_most: int, because: str) -> None:
        """Have at most so many at once, for a reason."""

    def hold(self, reason: str) -> None:
        """Take none, for a reason."""

    def release(self, reason: str) -> None:
        """This reason is no more."""


class Browsers(Protocol):
    """What grows: `worker/pool/pool.py`."""

    @property
    def generation(self) -> int:
        """How many there were, counting the current one."""

    def wear_out(self) -> None:
        """Ask for another one in place of the current one."""


class _State(Enum):
    OPEN = auto()
    HELD = auto()
    REPLACING = auto()
    ONE_AT_A_TIME = auto()


class Admission:
    """Looks at the container's memory and lets as many jobs in as fit.

    Attributes:
        REASON: why no job is taken, as others read it.
        memory: what the last look found.
    """

    REASON: Final = "too little memory is free"

    def __init__(
        self,
        container: Measured,
        jobs: Jobs,
        browsers: Browsers,
        *,
        slots: int,
        reserve_bytes: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Look once.

        Args:
            container: what has a limit.
            jobs: takes jobs.
            browsers: may have grown.
            slots: jobs that the worker may have at once while there is memory.
            reserve_bytes: what one more render may need; 0 lets in whatever comes.
            clock: seconds; for tests.
        """
        self.memory = container.memory()
        self._container = container
        self._jobs = jobs
        self._browsers = browsers
        self._slots = slots
        self._reserve_bytes = reserve_bytes
        self._clock = clock
        self._state = _State.OPEN
        self._told = False
        # When the next step of a shortage is due, and which browser was to be replaced.
        self._due_at: float | None = None
        self._generation = 0

    async def run(self) -> None:
        """Look again and again."""
        while True:
            self.look()
            held = self._state in {_State.HELD, _State.REPLACING}
            await asyncio.sleep(_LOOK_INTERVAL_HELD_S if held else _LOOK_INTERVAL_S)

    def look(self) -> None:
        """Look once, and let in what fits."""
        self.memory = self._container.memory()
        CONTAINER_MEMORY_LIMIT_BYTES.set(self.memory.limit_bytes)
        CONTAINER_MEMORY_USED_BYTES.set(self.memory.used_bytes)
        if self._is_enough():
            self._open()
        else:
            self._short()
        ADMISSION_HELD.set(self._state is not _State.OPEN)

    def _is_enough(self) -> bool:
        wanted = self._reserve_bytes * (1 if self._state is _State.OPEN else _BACK)
        return self.memory.free_bytes >= wanted

    def _open(self) -> None:
        fit = self.memory.free_bytes // self._reserve_bytes if self._reserve_bytes else self._slots
        self._jobs.allow(min(self._slots, self._jobs.running + fit), self.REASON)
        if self._state is _State.OPEN:
            return
        self._state = _State.OPEN
        self._due_at = None
        self._jobs.release(self.REASON)
        if self._told:
            self._told = False
            log.info("memory is back, taking jobs", **self._figures())

    def _short(self) -> None:
        if self._state is _State.OPEN:
            self._state = _State.HELD
            self._jobs.hold(self.REASON)
        # With every slot taken no job is kept out yet, and a render that ends may bring all that is missing.
        if not self._told and self._jobs.running < self._slots:
            self._told = True
            log.warning("too little memory is free, taking no jobs", **self._figures())
        if self._jobs.running == 0:
            self._short_while_idle(self._clock())
        elif self._state is _State.HELD:
            self._due_at = None

    def _short_while_idle(self, now: float) -> None:
        """Step by step: wait, replace the browser, take jobs one at a time; each once in a shortage."""
        if self._state is _State.HELD:
            if self._due_at is None:
                self._due_at = now + _SETTLE_S
            elif now >= self._due_at:
                self._state, self._due_at = _State.REPLACING, now + _REPLACE_S
                log.warning("too little memory without any render, replacing the browser", **self._figures())
                self._generation = self._browsers.generation
                self._browsers.wear_out()
        elif self._state is _State.REPLACING and self._due_at is not None:
            if self._generation != self._browsers.generation:
                self._generation = self._browsers.generation
                self._due_at = min(self._due_at, now + _SETTLE_S)
            elif now >= self._due_at:
                self._take_one_at_a_time()

    def _take_one_at_a_time(self) -> None:
        self._state, self._due_at = _State.ONE_AT_A_TIME, None
        log.error(
            "too little memory even with a new browser, taking one job at a time",
            fix="raise the container's memory limit, or see what else takes memory in it",
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
