"""The sequence of faults. The seed determines it before the run begins."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from tests.chaos.cases.faults import KINDS, FaultKind, Lane
from tests.chaos.cases.scale import Scale


@dataclass(frozen=True, slots=True)
class PlannedFault:
    """A planned fault.

    Attributes:
        gap_s: pause before it.
        seed: of its random numbers.
    """

    kind: FaultKind
    gap_s: float
    seed: int


def numbers_of(scale: Scale, purpose: str) -> Random:
    """A random generator for one purpose, so that a change in one does not change the numbers of others."""
    return Random(f"{scale.seed} {purpose}")  # noqa: S311 - repeatable on purpose


def script(scale: Scale, lane: Lane) -> Iterator[PlannedFault]:
    """The endless sequence of one lane's faults: first each kind once, then at random by their shares."""
    numbers = numbers_of(scale, lane)
    kinds = [kind for kind in KINDS if kind.lane is lane]
    gaps_s = scale.process_gap_s if lane is Lane.PROCESSES else scale.engine_gap_s
    first = numbers.sample(kinds, len(kinds))
    while True:
        kind = first.pop() if first else numbers.choices(kinds, [kind.share for kind in kinds])[0]
        yield PlannedFault(kind, numbers.uniform(*gaps_s), numbers.getrandbits(32))
