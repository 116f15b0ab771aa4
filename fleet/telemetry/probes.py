"""Whether the dependencies answer, asked seldom and with a limit, however often somebody wants to know."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from enum import StrEnum
from typing import Final

from pydantic import BaseModel, Field

from fleet.telemetry.logs import get_logger

# Readiness is public: asking often must not become load on the dependencies.
FRESH_S: Final = 1.0
ANSWER_TIMEOUT_S: Final = 2.0

log = get_logger(__name__)


class Condition(StrEnum):
    """Whether something answers."""

    UP = "up"
    DOWN = "down"


class DependencyState(BaseModel):
    """One dependency, as it was when last asked, at most a second ago."""

    status: Condition = Field(description="up or down.")
    latency_ms: float | None = Field(description="Milliseconds to its answer; null when there was none.")
    reason: str | None = Field(default=None, description="Why it counts as down.")


class Probe:
    """One question to one dependency. A silent one is asked once at a time, not once more for each caller."""

    def __init__(self, name: str, ask: Callable[[], Awaitable[object]]) -> None:
        self._name = name
        self._ask = ask
        self._answer: asyncio.Task[DependencyState] | None = None
        self._asked_at = 0.0

    async def state(self) -> DependencyState:
        """The dependency's state; never older than `FRESH_S`, never later than `ANSWER_TIMEOUT_S` seconds."""
        now = time.monotonic()
        if self._answer is None or (self._answer.done() and now - self._asked_at > FRESH_S):
            self._asked_at = now
            self._answer = asyncio.create_task(self._question())
        await asyncio.wait([self._answer], timeout=ANSWER_TIMEOUT_S)
        if self._answer.done():
            return self._answer.result()
        return DependencyState(status=Condition.DOWN, latency_ms=None, reason="silent")

    def cancel(self) -> None:
        """Give up a question that is under way."""
        if self._answer is not None:
            self._answer.cancel()

    async def _question(self) -> DependencyState:
        started = time.perf_counter()
        try:
            await self._ask()
        except Exception as error:  # noqa: BLE001 - whatever it is, the dependency cannot be used
            log.warning("a dependency is down", dependency=self._name, error=repr(error.__cause__ or error))
            return DependencyState(status=Condition.DOWN, latency_ms=None, reason=type(error).__name__)
        latency_ms = round((time.perf_counter() - started) * 1000, 2)
        return DependencyState(status=Condition.UP, latency_ms=latency_ms)


class Probes:
    """The probes of one process."""

    def __init__(self, questions: Mapping[str, Callable[[], Awaitable[object]]]) -> None:
        """Take one question for each dependency, by its name; a question that raises means "down"."""
        self._probes = {name: Probe(name, ask) for name, ask in questions.items()}

    async def states(self) -> Mapping[str, DependencyState]:
        """Each dependency's state by its name, asked all at once."""
        states = await asyncio.gather(*(probe.state() for probe in self._probes.values()))
        return dict(zip(self._probes, states, strict=True))

    def cancel(self) -> None:
        """Give up every question that is under way."""
        for probe in self._probes.values():
            probe.cancel()
