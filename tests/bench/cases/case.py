"""What every case is given."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from deploy.embedded.install.progress import Progress


@dataclass(frozen=True, slots=True)
class Bench:
    """One case's run.

    Attributes:
        name: the case's.
        folder: where it may write; removed afterwards.
        plots: where its pictures go.
        is_quick: whether to measure only enough to see that everything works.
        progress: tells the person who waits.
    """

    name: str
    folder: Path
    plots: Path
    is_quick: bool
    progress: Progress

    def say(self, text: str) -> None:
        """One line of progress."""
        self.progress.line(f"{self.name}: {text}")

    def teller(self, what: str, rounds: int) -> Callable[[int, str], None]:
        """For `measure.interleave`."""
        return lambda number, name: self.say(f"{what}, round {number} of {rounds}: {name}")

    def pick(self, full: int, quick: int) -> int:
        """How many, by how much time there is."""
        return quick if self.is_quick else full
