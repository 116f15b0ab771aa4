"""What a confined program may use, and the errors of one that wants more."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any

_MIB = 1024 * 1024


class Limit(StrEnum):
    """What can run out."""

    CPU = "cpu"
    MEMORY = "memory"
    TIME = "time"
    OUTPUT = "output"


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one run of a program may use.

    Attributes:
        cpu_s: seconds of CPU, whole ones: the kernel counts no finer (setrlimit(2), RLIMIT_CPU). Runs that
            share a process have them together.
        wall_s: seconds from its start to its end.
        memory_bytes: address space (RLIMIT_AS), with some 50 MB for Python and the program's libraries.
            None: no limit. macOS does not enforce it.
        output_bytes: of the result, and of each file that the program writes (RLIMIT_FSIZE).
        open_files: at the same time (RLIMIT_NOFILE).
    """

    cpu_s: int
    wall_s: float
    memory_bytes: int | None
    output_bytes: int
    open_files: int = 64

    def sentence(self, limit: Limit) -> str:
        """What a program did that has passed one of the limits, to be read behind its name."""
        match limit:
            case Limit.CPU:
                return f"used more than {self.cpu_s} s of CPU"
            case Limit.TIME:
                return f"took longer than {self.wall_s:g} s"
            case Limit.MEMORY:
                return f"needed more than {(self.memory_bytes or 0) // _MIB:,} MiB of memory"
            case Limit.OUTPUT:
                return f"made more than {self.output_bytes:,} bytes"


class ConfinedError(Exception):
    """A confined program gave no result."""


class LimitPassedError(ConfinedError):
    """A program wanted more than it may use. Its message says of what and how much.

    Attributes:
        limit: which one.
    """

    def __init__(self, limit: Limit, limits: Limits) -> None:
        super().__init__(limits.sentence(limit))
        self.limit = limit


class RefusedWorkError(ConfinedError):
    """A program found that what it was given cannot be done (it raised `Refusal`).

    Attributes:
        facts: what it says of the reason.
    """

    def __init__(self, facts: dict[str, Any]) -> None:
        super().__init__(str(facts))
        self.facts = facts


class BrokenProgramError(ConfinedError):
    """A program failed in a way that it does not know: an error of ours, or it was killed by the system."""
