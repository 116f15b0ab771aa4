"""Checks whether dependencies answer: at most once a second and with a timeout, however many callers ask."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, Field

from fleet.telemetry.logs import get_logger

# Anyone may call the readiness route. Many calls must not cause load on the dependencies.
FRESH_S: Final = 1.0
ANSWER_TIMEOUT_S: Final = 2.0

log = get_logger(__name__)


class Condition(StrEnum):
    """Whether a dependency answers."""

    UP = "up"
    DOWN = "down"


class DependencyState(BaseModel):
    """State of one dependency; it is at most a second old."""

    status: Condition = Field(description="up or down.")
    latency_ms: float | None = Field(description="Milliseconds until it answered; null if it did not.")
    reason: str | None = Field(default=None, description="Why it is down.")


class Probe:
    """Checks one dependency. While a check waits for an answer, other callers wait for the same check."""

    def __init__(self, name: str, ask: Callable[[], Awaitable[object]]) -> None:
        self._name = name
        self._ask = ask
        self._answer: asyncio.Task[DependencyState] | None = None
        self._asked_at = 0.0

    async def state(self) -> DependencyState:
        """The dependency's state. It is at most `FRESH_S` old, and takes at most `ANSWER_TIMEOUT_S`."""
        now = time.monotonic()
        if self._answer is None or (self._answer.done() and now - self._asked_at > FRESH_S):
            self._asked_at = now
            self._answer = asyncio.create_task(self._check())
        await asyncio.wait([self._answer], timeout=ANSWER_TIMEOUT_S)
        if self._answer.done():
            return self._answer.result()
        return DependencyState(status=Condition.DOWN, latency_ms=None, reason="silent")

    def cancel(self) -> None:
        """Cancel a check that is waiting for an answer."""
        if self._answer is not None:
            self._answer.cancel()

    async def _check(self) -> DependencyState:
        started = time.perf_counter()
        try:
            await self._ask()
        except Exception as error:  # noqa: BLE001 - after any error the dependency counts as down
            log.warning("a dependency is down", dependency=self._name, error=repr(error.__cause__ or error))
            return DependencyState(status=Condition.DOWN, latency_ms=None, reason=type(error).__name__)
        latency_ms = round((time.perf_counter() - started) * 1000, 2)
        return DependencyState(status=Condition.UP, latency_ms=latency_ms)


class Probes:
    """The probes of one process."""

    def __init__(self, checks: Mapping[str, Callable[[], Awaitable[object]]]) -> None:
        """Take one check for each dependency, by its name. A check that raises means that it is down."""
        self._probes = {name: Probe(name, ask) for name, ask in checks.items()}

    async def states(self) -> Mapping[str, DependencyState]:
        """The state of each dependency by its name. All are checked at the same time."""
        states = await asyncio.gather(*(probe.state() for probe in self._probes.values()))
        return dict(zip(self._probes, states, strict=True))

    def cancel(self) -> None:
        """Cancel all checks that are waiting for an answer."""
        for probe in self._probes.values():
            probe.cancel()
