"""When a schedule comes: what is refused, what the clocks' changes do, and which time stands for a gap."""

import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise, product

import pytest
from pydantic import ValidationError

from fleet.input.field_errors import field_errors_of
from fleet.schedules.cron import Timetable, UnusableCronError
from fleet.schedules.request import ScheduleRequest

BERLIN = "Europe/Berlin"
SPRING = datetime(2026, 3, 29, 1, tzinfo=UTC)  # 02:00 in Berlin becomes 03:00
AUTUMN = datetime(2026, 10, 25, 1, tzinfo=UTC)  # 03:00 becomes 02:00


def local_times(expression: str, start: datetime, hours: float) -> list[str]:
    """The times in Berlin within so many hours, with the offset that tells repeated hours apart."""
    timetable = Timetable.parse(expression, BERLIN)
    times, moment = [], start
    while (moment := timetable.after(moment)) <= start + timedelta(hours=hours):
        times.append(f"{moment.astimezone(timetable.zone):%d %H:%M %z}")
    return times


@pytest.mark.parametrize(
    ("expression", "wrong"),
    [
        ("", "no cron expression"),
        ("0 9 * *", "4 fields instead of 5"),
        ("0 0 9 * * *", "6 fields instead of 5"),
        ("@reboot", "1 fields instead of 5"),
        ("61 * * * *", "minute (field 1)"),
        ("* 24 * * *", "hour (field 2)"),
        ("* * 0 * *", "day of month (field 3)"),
        ("* * * JANUARY *", "month (field 4)"),
        ("* * * * MON#6", "day of week (field 5)"),
        ("*/0 * * * *", "minute (field 1)"),
        ("٣ * * * *", "no cron expression"),
        ("* * * * *" + " " * 100, "no cron expression"),
        ("0 0 30 2 *", "never comes"),
        ("0 0 31 4,6,9,11 *", "never comes"),
        ("0 0 LW 2 */7", "never comes"),
    ],
)
def test_what_cannot_be_used_is_refused_in_words(expression: str, wrong: str) -> None:
    with pytest.raises(UnusableCronError) as caught:
        Timetable.parse(expression)
    assert wrong in str(caught.value)
    assert caught.value.allowed


def test_the_search_for_a_time_that_never_comes_is_short() -> None:
    """It stands in an API's event loop. Measured: 3 ms; the slowest expression that does come: 8 ms."""
    started = time.process_time()
    with pytest.raises(UnusableCronError):
        Timetable.parse("0 0 LW 2 */7")
    Timetable.parse("0 0 29 2 */7")
    assert time.process_time() - started < 0.5


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("*/15 9-10 * * MON-FRI", "2026-01-02 09:00"),
        ("@hourly", "2026-01-01 13:00"),
        ("@daily", "2026-01-02 00:00"),
        ("@Weekly", "2026-01-04 00:00"),
        ("@monthly", "2026-02-01 00:00"),
        ("@yearly", "2027-01-01 00:00"),
        ("0 0 29 2 *", "2028-02-29 00:00"),
        ("0 0 L * *", "2026-01-31 00:00"),
        # Day of month or day of week, unless one of them starts with a star: cron's oldest trap.
        ("0 0 13 * FRI", "2026-01-02 00:00"),
    ],
)
def test_the_next_time(expression: str, expected: str) -> None:
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    assert f"{Timetable.parse(expression).after(noon):%Y-%m-%d %H:%M}" == expected


def test_times_are_those_of_the_zone() -> None:
    noon = datetime(2026, 7, 1, 12, tzinfo=UTC)
    assert Timetable.parse("0 9 * * *", "America/New_York").after(noon).hour == 13


def test_a_time_in_the_hour_that_spring_skips_comes_right_after_it() -> None:
    assert local_times("30 2 * * *", SPRING - timedelta(hours=2), 26) == ["29 03:00 +0200", "30 02:30 +0200"]
    assert local_times("0,20,40 2 * * *", SPRING - timedelta(hours=1), 5) == ["29 03:00 +0200"]


def test_a_time_in_the_hour_that_autumn_repeats_comes_once() -> None:
    assert local_times("30 2 * * *", AUTUMN - timedelta(hours=2), 27) == ["25 02:30 +0200", "26 02:30 +0100"]


def test_a_schedule_made_in_the_second_of_the_repeated_hours_waits_for_the_next_day() -> None:
    assert local_times("45 2 * * *", AUTUMN + timedelta(minutes=10), 26) == ["26 02:45 +0100"]


@pytest.mark.parametrize("change", [SPRING, AUTUMN])
def test_each_hour_is_each_hour_whatever_clocks_do(change: datetime) -> None:
    timetable = Timetable.parse("0 * * * *", BERLIN)
    times = [change - timedelta(hours=4)]
    for _ in range(8):
        times.append(timetable.after(times[-1]))
    assert {later - earlier for earlier, later in pairwise(times)} == {timedelta(hours=1)}


@pytest.mark.parametrize("zone", [BERLIN, "Australia/Lord_Howe", "UTC"])
@pytest.mark.parametrize("expression", ["30 2 * * *", "*/7 2 * * *", "1,31 1-3 * * *"])
def test_the_latest_missed_time_is_the_one_that_counting_finds(expression: str, zone: str) -> None:
    timetable = Timetable.parse(expression, zone)
    for change in (SPRING, AUTUMN, datetime(2026, 4, 4, 15, tzinfo=UTC)):
        first = timetable.after(change - timedelta(days=1))
        for minutes in range(0, 2900, 311):
            until = first + timedelta(minutes=minutes, seconds=minutes % 2)
            latest = first
            while (following := timetable.after(latest)) <= until:
                latest = following
            assert timetable.latest(first=first, until=until) == latest, until


def test_the_latest_of_half_a_million_missed_times_is_found_at_once() -> None:
    timetable = Timetable.parse("* * * * *")
    first = datetime(2026, 1, 1, tzinfo=UTC)
    started = time.process_time()
    latest = timetable.latest(first=first, until=first + timedelta(days=365, seconds=59))
    assert latest == first + timedelta(days=365)
    assert time.process_time() - started < 0.5


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"cron": "0 0 30 2 *"}, "cron"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"job": {"html": "x", "run_at": "2026-01-01T00:00:00Z"}}, "job.run_at"),
        ({"job": {"html": "x", "format": "pdf"}, "deliver": "when_changed"}, "job.format"),
        ({"compare": {"method": "pixels"}}, "compare"),
        ({"deliver": "when_changed", "compare": {"threshold": 1}}, "compare.threshold"),
        (
            {"deliver": "when_changed", "compare": {"method": "perceptual", "threshold": 256}},
            "compare.threshold",
        ),
    ],
)
def test_what_does_not_fit_is_refused_with_its_field(change: dict[str, object], field: str) -> None:
    with pytest.raises(ValidationError) as caught:
        ScheduleRequest.model_validate({"cron": "@daily", "job": {"html": "x"}} | change)
    [found] = field_errors_of(caught.value.errors(), ScheduleRequest)
    assert found.field == field


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("@daily", "At 00:00 every day"),
        ("0 9 * * MON-FRI", "At 09:00 on Monday through Friday"),
        ("*/15 * * * *", "Every 15th minute of every hour"),
        ("30 4 L * *", "At 04:30 on the last day of every month"),
        ("0 9 * * 5#2", "At 09:00 on the second Friday of the month"),
    ],
)
def test_an_expression_is_said_in_words(expression: str, words: str) -> None:
    assert Timetable.parse(expression).words == words


def test_every_usable_expression_has_words() -> None:
    minutes = ("*", "0", "5,35", "*/7", "1-59/2")
    hours = ("*", "8-18", "*/2", "0,12")
    days = ("*", "1", "L", "LW", "1-7", "*/10")
    months = ("*", "2", "JAN-MAR", "*/3")
    weekdays = ("*", "0", "7", "MON-FRI", "5#2", "5L", "1,3")
    for parts in product(minutes, hours, days, months, weekdays):
        assert Timetable(" ".join(parts), UTC).words
