"""The seeded script of faults: which kind comes when is fixed before the run begins."""

from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from tests.chaos.cases.faults import KINDS, FaultKind, Lane
from tests.chaos.cases.scale import Scale


@dataclass(frozen=True, slots=True)
class Planned:
    """One fault to come.

    Attributes:
        gap_s: pause before it.
        seed: of everything random in it.
    """

    kind: FaultKind
    gap_s: float
    seed: int


def numbers_of(scale: Scale, purpose: str) -> Random:
    """Random numbers of their own for each purpose, so that one does not shift those of another."""
    return Random(f"{scale.seed} {purpose}")  # noqa: S311 - repeatable on purpose


def script(scale: Scale, lane: Lane) -> Iterator[Planned]:
    """The faults of one lane, without end: all kinds once, shuffled, then chance decides by their shares."""
    numbers = numbers_of(scale, lane)
    kinds = [kind for kind in KINDS if kind.lane is lane]
    gaps_s = scale.process_gap_s if lane is Lane.PROCESSES else scale.engine_gap_s
    first = numbers.sample(kinds, len(kinds))
    while True:
        kind = first.pop() if first else numbers.choices(kinds, [kind.share for kind in kinds])[0]
        yield Planned(kind, numbers.uniform(*gaps_s), numbers.getrandbits(32))
