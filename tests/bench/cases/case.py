"""What every case gets."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deploy.embedded.install.progress import Progress


@dataclass(frozen=True, slots=True)
class Bench:
    """The run of one case.

    Attributes:
        name: of the case.
        folder: for temporary files; removed afterwards.
        plots: folder for its plots.
        is_quick: whether to measure only enough to check that everything works.
        progress: prints the progress.
        minutes: how long a case lasts that loads the service for long.
    """

    name: str
    folder: Path
    plots: Path
    is_quick: bool
    progress: Progress
    minutes: float = 10.0

    def say(self, text: str) -> None:
        """Print one line of progress."""
        self.progress.line(f"{self.name}: {text}")

    def teller(self, what: str, rounds: int) -> Callable[[int, str], None]:
        """A function that prints the progress of `measure.interleave`."""
        return lambda number, name: self.say(f"{what}, round {number} of {rounds}: {name}")

    def pick(self, full: int, quick: int) -> int:
        """`quick` in a quick run, otherwise `full`."""
        return quick if self.is_quick else full
