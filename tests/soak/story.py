"""What happened in a run: everything that is judged and shown afterwards."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.soak.load import Ledger
from tests.soak.memory import Memory
from tests.soak.plan import Plan


@dataclass(frozen=True, slots=True)
class Moment:
    """All workers at one time.

    Attributes:
        at_s: since the run began.
        renders: that had ended by then.
        memory: by worker.
    """

    at_s: float
    renders: int
    memory: Mapping[str, Memory]

    @property
    def mean_total(self) -> float:
        """PSS of a worker on average, in bytes."""
        return sum(one.total for one in self.memory.values()) / len(self.memory)


@dataclass(frozen=True, slots=True)
class Kill:
    """A browser that was killed.

    Attributes:
        back_s: how long its worker had no browser; None: until the end of the run.
    """

    at_s: float
    worker: str
    back_s: float | None = None


@dataclass(slots=True)
class Story:
    """One run.

    Attributes:
        began_at: seconds since 1970.
        load_s: how long renders were asked for, idle moments left out.
        cpu_s: of the workers and the API process during that time, by part.
        samples: under load.
        idle: with nothing to do, in the order of time.
        recycles: planned replacements of browsers, by reason.
        crashes: browsers that ended otherwise, by reason.
        own_ends: workers that ended by themselves.
        rows: jobs in the database by state, or by error type.
        left_behind: what was still there after everything had been stopped.
    """

    plan: Plan
    began_at: float
    ledger: Ledger = field(default_factory=Ledger)
    load_s: float = 0.0
    cpu_s: dict[str, float] = field(default_factory=dict)
    samples: list[Moment] = field(default_factory=list)
    idle: list[Moment] = field(default_factory=list)
    kills: list[Kill] = field(default_factory=list)
    recycles: Counter[str] = field(default_factory=Counter)
    crashes: Counter[str] = field(default_factory=Counter)
    own_ends: int = 0
    rows: Mapping[str, int] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    left_behind: list[str] = field(default_factory=list)

    @property
    def renders(self) -> int:
        """That ended."""
        return len(self.ledger.ends)
