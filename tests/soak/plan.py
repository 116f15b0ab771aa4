"""What a run does: how many renders of what, by how many workers, and what is done to them."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tests.soak.mix import MIX, Kind

WORKER: Final = ("worker",)


@dataclass(frozen=True, slots=True)
class Plan:
    """The measures of one run.

    Attributes:
        renders: how many in all.
        seconds: after which no further render is asked for.
        workers: processes, each with a browser.
        pages: renders at once in one worker.
        seed: of the order of the page mix.
        looks: idle moments at which memory is compared, evenly spread; the last one is at the end.
        idle_s: how long each of them is looked at.
        sample_s: seconds between two looks at memory under load.
        check_every: of so many artifacts one is read back and decoded.
        kill_every_s: pause between two kills of a browser; None: nothing is killed.
        max_growth_kb: by which a worker's memory at rest may grow with each render. 20 KB are 20 MB in the
            life of a browser (1,000 renders).
        leak_kb: what the last worker keeps of each render, which nobody should; 0: all workers are good.
    """

    renders: int
    seconds: float
    workers: int
    pages: int = max(1, min(2, os.cpu_count() or 1))
    seed: int = 1
    mix: Sequence[Kind] = MIX
    looks: int = 10
    idle_s: float = 6.0
    sample_s: float = 3.0
    check_every: int = 20
    kill_every_s: float | None = None
    max_growth_kb: float = 20.0
    leak_kb: int = 0

    @property
    def callers(self) -> int:
        """Jobs in flight: enough that the queue never runs dry while there is something to ask for."""
        return 4 * self.workers * self.pages

    @property
    def settings(self) -> dict[str, str]:
        """Of the product's processes, besides its defaults; names without the prefix."""
        return {"egress_allow": "127.0.0.1", "browser_max_pages": f"{self.pages}", "log_format": "json"}

    def words(self, number: int) -> tuple[str, ...]:
        """What starts the worker of this number, counted from 1."""
        if self.leak_kb and number == self.workers:
            return ("tests.soak.leaky", f"{self.leak_kb}")
        return WORKER
