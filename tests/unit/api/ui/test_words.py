"""Times, sizes and curves as people read them."""

from datetime import UTC, datetime, timedelta

import pytest

from api.ui.layout.words import as_age, as_count, as_duration, as_size
from api.ui.pages.fleet.sparkline import Sparkline


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, "—"),
        (0, "0.0 s"),
        (0.44, "0.4 s"),
        (9.96, "10 s"),
        (59.6, "1 min"),
        (60, "1 min"),
        (119, "1 min"),
        (3600, "1 h"),
        (3661, "1 h 1 min"),
        (7 * 3600 + 59, "7 h"),
        (86_400 * 4 + 3 * 3600 + 60, "4 d 3 h"),
        (86_400 + 60, "1 d"),
        (timedelta(minutes=90), "1 h 30 min"),
    ],
)
def test_a_length_of_time_has_two_parts_at_most(seconds: float | timedelta | None, words: str) -> None:
    assert as_duration(seconds) == words


def test_a_time_is_told_from_now() -> None:
    now = datetime.now(UTC)
    assert as_age(now - timedelta(minutes=3)) == "3 min ago"
    assert as_age(now - timedelta(seconds=4.2)) == "4 s ago"
    assert as_age(now) == "just now"
    assert as_age(now + timedelta(hours=2, seconds=30)) == "in 2 h"
    assert as_age(None) == "—"


def test_sizes_and_counts_have_a_unit_or_commas() -> None:
    sizes = [as_size(count) for count in (None, 0, 812, 1536, 200 * 2**20, 3.5 * 2**40, 2**60)]
    assert sizes == ["—", "0 B", "812 B", "1.5 KiB", "200 MiB", "3.5 TiB", "1048576 TiB"]
    assert [as_count(number) for number in (None, 12_345)] == ["—", "12,345"]


def test_a_curve_goes_from_zero_to_its_largest_value_and_has_gaps() -> None:
    assert Sparkline.of([0, 10, None, 5, 0]) == Sparkline("M0.0 22.0L25.0 2.0M75.0 12.0L100.0 22.0", 10)
    assert Sparkline.of([0, 0]).path == "M0.0 22.0L100.0 22.0"
    assert Sparkline.of([None, None]) == Sparkline("", None)
    assert Sparkline.of([3]).path == "M0.0 2.0"
