"""`python -m tests.bench.clients.logging_worker`: a worker that logs which renders overlapped a replacement.

The worker knows this to the millisecond (`worker/pool/replacement_stats.py`), but reports only sums. The
product has no setting for this, so this module changes the code of the product before it starts.
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

log = get_logger("tests.bench.clients.logging_worker")


def _log_pages() -> None:
    take = Generation.take

    async def logged(self: Generation) -> Page | None:
        began_at = time.monotonic()
        page = await take(self)
        took_ms = round(1000 * (time.monotonic() - began_at), 2)
        log.info(GIVEN, took_ms=took_ms, ordinal=self.numbers.renders)
        return page

    Generation.take = logged  # type: ignore[method-assign]  # on purpose


def _log_visits() -> None:
    visit = Tally.visit

    @contextmanager
    def logged(self: Tally) -> Iterator[Visit]:
        with visit(self) as found:
            try:
                yield found
            finally:
                log.info(LEFT, meeting=found.meeting, waited_ms=round(1000 * (found.waited_s or 0), 2))

    Tally.visit = logged  # type: ignore[method-assign]  # on purpose


if __name__ == "__main__":
    _log_pages()
    _log_visits()
    sys.exit(main.main())
