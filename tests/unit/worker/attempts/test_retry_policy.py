from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.errors import ErrorType
from fleet.jobs.attempts.recover import CRASH_CAP
from worker.attempts.retry_policy import CRASHES, Retry, decide


def ask(
    error_type: ErrorType, *, failures: int = 0, crashes: int = 0, most: int = 3, jitter: float = 0.0
) -> Retry | None:
    return decide(error_type, failure_count=failures, crash_count=crashes, max_attempts=most, jitter=jitter)


@pytest.mark.parametrize("error_type", [type_ for type_ in ErrorType if not type_.kind.retryable])
def test_the_pages_own_faults_are_final_at_once(error_type: ErrorType) -> None:
    assert ask(error_type) is None


def test_a_storage_failure_waits_longer_each_time_and_ends_at_max_attempts() -> None:
    first = ask(ErrorType.STORAGE_UNAVAILABLE, failures=0)
    second = ask(ErrorType.STORAGE_UNAVAILABLE, failures=1)
    assert first is not None
    assert second is not None
    assert timedelta(0) < first.delay < second.delay
    assert ask(ErrorType.STORAGE_UNAVAILABLE, failures=2) is None


def test_max_attempts_one_means_no_retry() -> None:
    assert ask(ErrorType.STORAGE_UNAVAILABLE, most=1) is None


@pytest.mark.parametrize("error_type", sorted(CRASHES))
def test_a_crash_is_tried_again_at_once_and_counted_apart(error_type: ErrorType) -> None:
    assert ask(error_type, failures=9, most=1) == Retry(timedelta(0), is_crash=True)
    assert ask(error_type, crashes=CRASH_CAP - 2) is not None
    assert ask(error_type, crashes=CRASH_CAP - 1) is None


@given(
    failures=st.integers(0, 50),
    jitter=st.floats(0, 1, allow_nan=False),
)
def test_delays_stay_between_one_second_and_five_minutes(failures: int, jitter: float) -> None:
    decision = ask(ErrorType.STORAGE_UNAVAILABLE, failures=failures, most=100, jitter=jitter)
    assert decision is not None
    assert timedelta(seconds=1) <= decision.delay <= timedelta(minutes=5)
    assert not decision.is_crash
