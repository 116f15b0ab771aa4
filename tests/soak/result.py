"""What was recorded in a run, for the checks and the report."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.soak.load import Ledger
from tests.soak.memory import Memory
from tests.soak.plan import Plan


@dataclass(frozen=True, slots=True)
class MemorySample:
    """Memory of all workers at one time.

    Attributes:
        at_s: seconds since the run began.
        renders: how many renders had ended.
        memory: of each worker, by name.
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
        back_s: seconds until its worker had a browser again; None: it had none until the end of the run.
    """

    at_s: float
    worker: str
    back_s: float | None = None


@dataclass(slots=True)
class RunResult:
    """What was recorded in one run.

    Attributes:
        began_at: seconds since 1970.
        load_s: seconds under load, without pauses.
        cpu_s: CPU time of the workers and the API process under load, by part.
        samples: memory under load.
        idle: memory at rest, in the order of time.
        recycles: planned replacements of browsers, by reason.
        crashes: other ends of browsers, by reason.
        own_ends: how often a worker ended without being stopped.
        rows: how many jobs the database has, by state or by error type.
        left_behind: what was still running after everything had been stopped.
    """

    plan: Plan
    began_at: float
    ledger: Ledger = field(default_factory=Ledger)
    load_s: float = 0.0
    cpu_s: dict[str, float] = field(default_factory=dict)
    samples: list[MemorySample] = field(default_factory=list)
    idle: list[MemorySample] = field(default_factory=list)
    kills: list[Kill] = field(default_factory=list)
    recycles: Counter[str] = field(default_factory=Counter)
    crashes: Counter[str] = field(default_factory=Counter)
    own_ends: int = 0
    rows: Mapping[str, int] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    left_behind: list[str] = field(default_factory=list)

    @property
    def renders(self) -> int:
        """How many renders have ended."""
        return len(self.ledger.ends)
