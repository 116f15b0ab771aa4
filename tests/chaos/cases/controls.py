"""The controls: short runs with workers without the fence, or without the sweeper. They must fail."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from tests.chaos.cases.episodes import Episode, flush_of_a_full_queue, kill_holder, zombie
from tests.chaos.cases.scale import Scale
from tests.chaos.clients.fleet_under_test import RunEnvironment
from tests.chaos.report.verdict import Verdict
from tests.chaos.run import Plan, Tell, run


@dataclass(frozen=True, slots=True)
class Control:
    """A control.

    Attributes:
        without: what the workers lack.
        episodes: episodes that go wrong without it.
        must_be: what must be found, in words.
        must_show: counts what must be found.
    """

    without: str
    episodes: Sequence[Episode]
    must_be: str
    must_show: Callable[[Verdict], int]

    def plan(self, seed: int) -> Plan:
        """The plan of a short run: jobs that are recovered at all are recovered within two leases."""
        # The episodes submit what they need; a few other jobs are enough to see that such workers do them.
        scale = replace(Scale.short(seconds=5, seed=seed), drain_s=5, jobs_per_s=0.5, burst=1)
        worker = ("tests.chaos.cases.weakened_worker", self.without)
        return Plan(scale, self.episodes, worker, has_random_faults=False)


@dataclass(frozen=True, slots=True)
class ControlResult:
    """Result of a control."""

    without: str
    must_be: str
    found: int

    @property
    def fails_as_it_should(self) -> bool:
        """Whether the run has found what must be found."""
        return self.found > 0


CONTROLS: Final = (
    Control("fence", (zombie,), "recorded twice", lambda verdict: len(verdict.twice)),
    Control("sweeper", (kill_holder, flush_of_a_full_queue), "lost", lambda verdict: len(verdict.lost)),
)


async def check(control: Control, environment: RunEnvironment, *, seed: int, tell: Tell) -> ControlResult:
    """Run a control on a database of its own."""
    verdict = await run(environment, control.plan(seed), tell)
    shown = ControlResult(control.without, control.must_be, control.must_show(verdict))
    tell(f"without the {control.without}: {shown.found} {control.must_be}")
    return shown
