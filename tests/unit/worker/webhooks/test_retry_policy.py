from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.webhooks.outbox import DeliveryError, MessageState
from worker.webhooks.http_post import _retry_after_s as retry_after_s
from worker.webhooks.retry_policy import MAX_TRIES, SendDecision, SendResult, decide, error_of_status

BROKEN = SendResult(500, DeliveryError.HTTP_STATUS)


def test_ten_attempts_within_a_day() -> None:
    waits = [decide(BROKEN, tries=tries, jitter=0).delay for tries in range(1, MAX_TRIES)]
    assert len(waits) == 9
    assert sum(waits, timedelta()) == timedelta(hours=24)
    assert waits[0] == timedelta(seconds=5)
    assert decide(BROKEN, tries=MAX_TRIES, jitter=0) == SendDecision(MessageState.FAILED)


@given(tries=st.integers(1, MAX_TRIES - 1), jitter=st.floats(0, 1))
def test_chance_only_shortens_a_wait_by_a_tenth(tries: int, jitter: float) -> None:
    exact = decide(BROKEN, tries=tries, jitter=0).delay
    assert exact * 0.899 <= decide(BROKEN, tries=tries, jitter=jitter).delay <= exact


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (200, None),
        (204, None),
        (299, None),
        (101, "http_status"),
        (301, "redirected"),
        (308, "redirected"),
        (400, "http_status"),
        (410, "gone"),
        (500, "http_status"),
        (999, "http_status"),
    ],
)
def test_what_a_status_means(status: int, error: str | None) -> None:
    assert error_of_status(status) == error


@pytest.mark.parametrize("error", DeliveryError)
def test_what_would_end_the_same_way_is_not_tried_again(error: DeliveryError) -> None:
    is_final = error in {"gone", "url_blocked", "endpoint_disabled", "too_many_endpoints"}
    state = decide(SendResult(None, error), tries=1, jitter=0).state
    assert state is (MessageState.FAILED if is_final else MessageState.PENDING)


@pytest.mark.parametrize(
    ("status", "wish_s", "wait_s"),
    [(429, 60, 60), (503, 60, 60), (503, 1, 5), (503, 10**9, 6 * 3600), (500, 60, 5), (429, None, 5)],
)
def test_patience_that_a_receiver_asks_for(status: int, wish_s: float | None, wait_s: float) -> None:
    result = SendResult(status, DeliveryError.HTTP_STATUS, wish_s)
    assert decide(result, tries=1, jitter=0).delay == timedelta(seconds=wait_s)


@pytest.mark.parametrize("words", [b"", b"soon", b"-1", b"1.5", b"\xff", b"Mon, 99 Foo 2026 00:00:00 GMT"])
def test_a_retry_after_that_makes_no_sense_is_none(words: bytes) -> None:
    assert retry_after_s([(b"Retry-After", words)]) is None


def test_retry_after_in_both_forms() -> None:
    assert retry_after_s([(b"x", b"1"), (b"RETRY-AFTER", b" 120 ")]) == 120
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=90), usegmt=True).encode()
    assert retry_after_s([(b"retry-after", date)]) == pytest.approx(90, abs=10)
    assert retry_after_s([(b"retry-after", b"Thu, 01 Jan 1970 00:00:00 GMT")]) == 0
    assert retry_after_s([(b"retry-after", b"9" * 5000)]) is not None
    assert retry_after_s([]) is None
