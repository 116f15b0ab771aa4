"""The drawing of what happened to a job: everything on one axis, and the short things visible."""

from dataclasses import replace
from datetime import datetime, timedelta
from uuid import UUID

import pytest

from api.ui.pages.job.waterfall import WIDTH, BarKind, Line, Waterfall, waterfall
from fleet.errors import ErrorType
from fleet.jobs.attempts.history import AttemptEnd, AttemptRecord
from fleet.jobs.job import Job, State
from fleet.webhooks.messages import MessageAttempt, MessageRecord
from fleet.webhooks.outbox import DeliveryError, MessageState
from tests.kit.data.plain_job import ACCEPTED_AT, plain_job

STAGES = {"context": 10.0, "navigation": 100.0, "readiness": 20.0, "capture": 50.0, "upload": 20.0}


def at(ms: float) -> datetime:
    return ACCEPTED_AT + timedelta(milliseconds=ms)


def attempt(
    number: int, start: float, end: float | None, outcome: AttemptEnd | None, **more: object
) -> AttemptRecord:
    record = AttemptRecord(
        attempt=number,
        worker_id=UUID(int=7),
        browser_generation=1,
        started_at=at(start),
        finished_at=None if end is None else at(end),
        outcome=outcome,
        error_type=None,
        error_detail=None,
    )
    return replace(record, **more)  # type: ignore[arg-type]


def message(*attempts: MessageAttempt) -> MessageRecord:
    return MessageRecord(
        id=UUID(int=9),
        job_id=UUID(int=1),
        url="https://example.com/hook",
        state=MessageState.DELIVERED,
        error=None,
        created_at=at(0),
        next_attempt_at=None,
        attempts=attempts,
    )


def succeeded(**changes: object) -> Job:
    return plain_job(state=State.SUCCEEDED, attempt=1, finished_at=at(300), timings_ms=STAGES, **changes)


def line(drawing: Waterfall, name: str) -> Line:
    found = [line for line in drawing.lines if line.name == name]
    assert len(found) == 1, [line.name for line in drawing.lines]
    return found[0]


def test_a_render_shows_its_wait_its_stages_and_its_webhook_on_one_axis() -> None:
    told = message(MessageAttempt(1, at(320), 200, 30.0, None))
    drawing = waterfall(succeeded(), [attempt(1, 50, 300, AttemptEnd.SUCCEEDED)], [told], now=at(9_000))
    assert [each.name for each in drawing.lines] == ["Queued", "Attempt 1", "Webhook, attempt 1"]
    assert line(drawing, "Queued").length_ms == 50
    stages = line(drawing, "Attempt 1").bars
    assert [bar.kind for bar in stages] == [*STAGES, BarKind.WORKED]
    assert [bar.length_ms for bar in stages] == [10, 100, 20, 50, 20, 50]
    # One begins where the other ends, all on the axis of 350 ms.
    assert [bar.x for bar in stages] == [round(ms / 350 * WIDTH, 2) for ms in (50, 60, 160, 180, 230, 250)]
    sent = line(drawing, "Webhook, attempt 1")
    assert (sent.outcome, sent.is_bad, sent.start_ms, sent.length_ms) == ("HTTP 200", False, 320, 30)
    assert [round(tick.at_ms, 1) for tick in drawing.ticks] == [0, 87.5, 175, 262.5, 350]
    assert drawing.cuts == []


def test_a_wait_of_hours_is_cut_so_that_the_render_can_be_seen() -> None:
    hours = 3 * 3_600_000.0
    job = succeeded()
    drawing = waterfall(job, [attempt(1, hours, hours + 300, AttemptEnd.SUCCEEDED)], [], now=at(hours))
    (cut,) = drawing.cuts
    assert cut.length_ms == hours
    work = line(drawing, "Attempt 1").bars
    assert sum(bar.width for bar in work) > WIDTH / 2
    # The axis says the true times on both sides of the cut.
    assert drawing.ticks[-1].at_ms == pytest.approx(hours + 300)
    assert line(drawing, "Queued").length_ms == hours


def test_attempts_that_failed_say_why_and_the_waits_between_are_shown() -> None:
    first = attempt(
        1, 10, 110, AttemptEnd.RETRIED, error_type=ErrorType.NAVIGATION_TIMEOUT, error_detail="30 s passed"
    )
    second = attempt(2, 200, 260, AttemptEnd.LOST)
    job = plain_job(state=State.QUEUED, attempt=2)
    drawing = waterfall(job, [first, second], [], now=at(400))
    names = ["Queued", "Attempt 1", "Queued again", "Attempt 2", "Queued again"]
    assert [each.name for each in drawing.lines] == names
    assert drawing.lines[1].detail == "navigation_timeout: 30 s passed"
    assert [each.outcome for each in drawing.lines] == ["", "retried", "", "lost", ""]
    assert [each.is_bad for each in drawing.lines] == [False, True, False, True, False]
    assert drawing.lines[4].length_ms is None, "it waits still"
    assert drawing.lines[4].bars[0].length_ms == 140


@pytest.mark.parametrize(
    ("job", "attempts", "last"),
    [
        (plain_job(), [], ("Queued", None)),
        (plain_job(state=State.RUNNING, attempt=1), [attempt(1, 5, None, None)], ("Attempt 1", None)),
        (plain_job(state=State.CANCELLED, finished_at=at(70)), [], ("Queued", 70)),
        (plain_job(state=State.CANCELLED, finished_at=at(0)), [], ("Queued", 0)),
    ],
)
def test_every_state_can_be_drawn(
    job: Job, attempts: list[AttemptRecord], last: tuple[str, float | None]
) -> None:
    drawing = waterfall(job, attempts, [], now=at(100))
    assert (drawing.lines[-1].name, drawing.lines[-1].length_ms) == last
    for each in drawing.lines:
        for bar in each.bars:
            assert bar.width > 0
            assert 0 <= bar.x <= WIDTH - bar.width


def test_what_is_very_short_can_be_seen_and_stays_on_the_axis() -> None:
    told = message(MessageAttempt(1, at(60_300), 500, 0.5, DeliveryError.HTTP_STATUS))
    drawing = waterfall(succeeded(), [attempt(1, 0, 60_000, AttemptEnd.SUCCEEDED)], [told], now=at(0))
    (bar,) = line(drawing, "Webhook, attempt 1").bars
    assert bar.width >= 3
    assert bar.x + bar.width <= WIDTH
    assert line(drawing, "Webhook, attempt 1").is_bad


def test_clocks_that_disagree_break_nothing() -> None:
    # The worker's clock is behind: it has begun before the job was accepted, and ended before it began.
    drawing = waterfall(succeeded(), [attempt(1, -40, -80, AttemptEnd.SUCCEEDED)], [], now=at(0))
    assert [each.start_ms for each in drawing.lines] == [0, 0]


def test_of_many_attempts_the_earlier_ones_are_one_line() -> None:
    records = [attempt(n, n * 10, n * 10 + 5, AttemptEnd.HANDED_BACK) for n in (101, 102)]
    drawing = waterfall(plain_job(attempt=102), records, [], now=at(2_000))
    assert drawing.lines[0].name == "Before: 100 attempts"
    assert drawing.lines[2].name == "Queued again"
