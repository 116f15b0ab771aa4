"""Decides whether a failed attempt is retried, and when: a pure function of the error and earlier failures.

An error of the page is final at once, because the same page would fail in the same way again. An error of
the fleet is retried with exponential backoff and jitter (M. Brooker, "Exponential Backoff And Jitter", AWS
Architecture Blog, 2015), so that a thousand jobs that failed together are not retried together.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from fleet.errors import ErrorType
from fleet.jobs.attempts.recover import CRASH_CAP

# A crash says little about the job: another job in the same browser may be the cause. So crashes have a count
# of their own and are retried without delay.
CRASHES: Final = frozenset({ErrorType.PAGE_CRASHED, ErrorType.BROWSER_UNAVAILABLE, ErrorType.WORKER_LOST})

# A store that restarts answers again within seconds. One that is broken gets few retries in a long time.
_FIRST_DELAY_S: Final = 2.0
_FACTOR: Final = 4.0
_LONGEST_DELAY_S: Final = 300.0


@dataclass(frozen=True, slots=True)
class Retry:
    """The job is to run again after `delay`."""

    delay: timedelta
    is_crash: bool


def decide(
    error_type: ErrorType, *, failure_count: int, crash_count: int, max_attempts: int, jitter: float
) -> Retry | None:
    """Decide whether a failed attempt is retried. None: the failure is final.

    Args:
        error_type: why it failed.
        failure_count: earlier attempts of this job that failed, crashes not counted.
        crash_count: earlier attempts in which the page, the browser or the worker crashed.
        max_attempts: how many failed attempts the caller allows.
        jitter: a random number from 0 to 1.
    """
    if error_type in CRASHES:
        return Retry(timedelta(), is_crash=True) if crash_count + 1 < CRASH_CAP else None
    if not error_type.kind.retryable or failure_count + 1 >= max_attempts:
        return None
    longest = min(_LONGEST_DELAY_S, _FIRST_DELAY_S * _FACTOR**failure_count)
    # The jitter takes away at most half: a retry after almost no delay would meet the same outage.
    return Retry(timedelta(seconds=longest * (0.5 + jitter / 2)), is_crash=False)
