"""The crippled controls: short runs on workers without the fence, or without the sweeper, which must fail."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from tests.chaos.cases.episodes import Episode, flush_of_a_full_line, kill_holder, zombie
from tests.chaos.cases.scale import Scale
from tests.chaos.clients.world import Ground
from tests.chaos.report.verdict import Verdict
from tests.chaos.run import Plan, Tell, run


@dataclass(frozen=True, slots=True)
class Control:
    """One of them.

    Attributes:
        without: what is missing.
        episodes: what certainly needs it.
        must_show: how many of what must be found.
    """

    without: str
    episodes: Sequence[Episode]
    must_be: str
    must_show: Callable[[Verdict], int]

    def plan(self, seed: int) -> Plan:
        """Short: what would be recovered at all is recovered within two leases."""
        scale = replace(Scale.short(seconds=5, seed=seed), drain_s=5)
        worker = ("tests.chaos.cases.crippled", self.without)
        return Plan(scale, self.episodes, worker, has_random_faults=False)


@dataclass(frozen=True, slots=True)
class Shown:
    """How a control went."""

    without: str
    must_be: str
    found: int

    @property
    def fails_as_it_should(self) -> bool:
        """Whether the run saw what was missing."""
        return self.found > 0


CONTROLS: Final = (
    Control("fence", (zombie,), "recorded twice", lambda verdict: len(verdict.twice)),
    Control("sweeper", (kill_holder, flush_of_a_full_line), "lost", lambda verdict: len(verdict.lost)),
)


async def check(control: Control, ground: Ground, *, seed: int, tell: Tell) -> Shown:
    """Run it on a database of its own."""
    verdict = await run(ground, control.plan(seed), tell)
    shown = Shown(control.without, control.must_be, control.must_show(verdict))
    tell(f"without the {control.without}: {shown.found} {control.must_be}")
    return shown
