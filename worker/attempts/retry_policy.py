"""Whether a failed attempt runs again, and when: a pure function of the error and what came before.

The page's own faults are final at once: the same page would fail the same way. The fleet's faults are tried
again with exponential backoff and full jitter (M. Brooker, "Exponential Backoff And Jitter", AWS Architecture
Blog, 2015), so that a thousand jobs that failed together do not come back together.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from fleet.errors import KINDS, ErrorType
from fleet.jobs.recover import CRASH_CAP

# Something died, which says little about the job: it may have been the neighbour. Counted apart, no delay.
CRASHES: Final = frozenset({ErrorType.PAGE_CRASHED, ErrorType.BROWSER_UNAVAILABLE, ErrorType.WORKER_LOST})

# A store that is restarted is back within seconds; one that is broken is not worth hammering.
_FIRST_DELAY_S: Final = 2.0
_FACTOR: Final = 4.0
_LONGEST_DELAY_S: Final = 300.0


@dataclass(frozen=True, slots=True)
class Retry:
    """Run again after `delay`."""

    delay: timedelta
    is_crash: bool


def decide(
    error_type: ErrorType, *, failure_count: int, crash_count: int, max_attempts: int, jitter: float
) -> Retry | None:
    """Decide what follows a failed attempt. None: the failure is final.

    Args:
        error_type: why it failed.
        failure_count: earlier attempts of this job that failed, crashes not counted.
        crash_count: earlier attempts during which the page, browser or worker died.
        max_attempts: how many failed attempts the caller allows.
        jitter: a random number from 0 to 1.
    """
    if error_type in CRASHES:
        return Retry(timedelta(), is_crash=True) if crash_count + 1 < CRASH_CAP else None
    if not KINDS[error_type].retryable or failure_count + 1 >= max_attempts:
        return None
    longest = min(_LONGEST_DELAY_S, _FIRST_DELAY_S * _FACTOR**failure_count)
    # At least half of it: a delay near zero would hit the same outage again.
    return Retry(timedelta(seconds=longest * (0.5 + jitter / 2)), is_crash=False)
