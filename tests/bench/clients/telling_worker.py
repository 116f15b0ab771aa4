"""`python -m tests.bench.clients.telling_worker`: a worker that logs which renders met a replacement.

The worker knows it to the millisecond (`worker/pool/replacement_stats.py`), but tells sums alone; from
outside, a launch is seen when it is over. The product has no switch for this; it is made talkative from here,
before it starts.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from fleet.telemetry.logs import get_logger
from worker import main
from worker.browser.page import Page
from worker.pool.generation import Generation
from worker.pool.replacement_stats import Tally, Visit

GIVEN: Final = "a page was given"
LEFT: Final = "a render left the pool"

log = get_logger("tests.bench.clients.telling_worker")


def _tell_of_pages() -> None:
    take = Generation.take

    async def telling(self: Generation) -> Page | None:
        began_at = time.monotonic()
        page = await take(self)
        took_ms = round(1000 * (time.monotonic() - began_at), 2)
        log.info(GIVEN, took_ms=took_ms, ordinal=self.numbers.renders)
        return page

    Generation.take = telling  # type: ignore[method-assign]  # that is what it adds


def _tell_of_visits() -> None:
    visit = Tally.visit

    @contextmanager
    def telling(self: Tally) -> Iterator[Visit]:
        with visit(self) as found:
            try:
                yield found
            finally:
                log.info(LEFT, meeting=found.meeting, waited_ms=round(1000 * (found.waited_s or 0), 2))

    Tally.visit = telling  # type: ignore[method-assign]  # that is what it adds


if __name__ == "__main__":
    _tell_of_pages()
    _tell_of_visits()
    sys.exit(main.main())
