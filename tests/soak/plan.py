"""The plan of a run: how many renders, of which kinds, by how many workers, and what is killed."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tests.soak.mix import MIX, RenderKind

WORKER: Final = ("worker",)


@dataclass(frozen=True, slots=True)
class Plan:
    """The settings of one run.

    Attributes:
        renders: how many in all.
        seconds: after this time no further render is requested.
        workers: how many processes, each with a browser.
        pages: how many renders run at once in one worker.
        seed: of the order of the page mix.
        idle_checks: how often the load is paused to measure memory at rest, at equal distances; the last
            time is at the end.
        idle_s: how long each of these measurements takes.
        sample_s: seconds between two measurements of memory under load.
        check_every: one of so many artifacts is read back and decoded.
        kill_every_s: pause between two kills of a browser; None: nothing is killed.
        max_growth_kb: how much a worker's memory at rest may grow with each render. 20 KB are 20 MB in the
            life of a browser (1,000 renders).
        leak_kb: how much the last worker leaks with each render; 0: no worker is made to leak.
    """

    renders: int
    seconds: float
    workers: int
    pages: int = max(1, min(2, os.cpu_count() or 1))
    seed: int = 1
    mix: Sequence[RenderKind] = MIX
    idle_checks: int = 10
    idle_s: float = 6.0
    sample_s: float = 3.0
    check_every: int = 20
    kill_every_s: float | None = None
    max_growth_kb: float = 20.0
    leak_kb: int = 0

    @property
    def callers(self) -> int:
        """How many callers there are, with one job each: enough that the queue is never empty."""
        return 4 * self.workers * self.pages

    @property
    def settings(self) -> dict[str, str]:
        """Settings of the product's processes that differ from the defaults; names without the prefix."""
        return {"egress_allow": "127.0.0.1", "browser_max_pages": f"{self.pages}", "log_format": "json"}

    def words(self, number: int) -> tuple[str, ...]:
        """Module and arguments of the worker with this number, counted from 1."""
        if self.leak_kb and number == self.workers:
            return ("tests.soak.leaky", f"{self.leak_kb}")
        return WORKER
