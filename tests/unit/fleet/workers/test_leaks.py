"""Whose memory is out of line: the figures that the fleet's page and the leak audit judge by."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.workers.leaks import MAX_SLOPE_BYTES_PER_HOUR, high_outliers, is_growing, slope_per_hour

MB = 2**20


@pytest.mark.parametrize(
    ("values_mb", "expected"),
    [
        ([300, 310, 305, 302, 460], {4}),
        ([300, 300, 300, 300, 400], {4}),  # no spread at all: the floor decides
        ([300, 300, 300, 300, 360], set()),  # 60 MB are no news
        ([300, 310, 320, 305, 150], set()),  # less than the others is nobody's trouble
        ([200, 300, 400, 500, 600], set()),  # all differ: nobody stands out
        ([300, 310, 460, 305, 300, 480, 302], {2, 5}),  # two at once do not hide each other
        ([300, 310, 900], {2}),
        ([300, 900], set()),  # which of the two is wrong?
        ([900], set()),
        ([], set()),
    ],
)
def test_who_stands_out(values_mb: list[float], expected: set[int]) -> None:
    assert high_outliers({number: value * MB for number, value in enumerate(values_mb)}) == expected


@given(st.lists(st.floats(300, 330), min_size=3, max_size=40), st.floats(500, 10_000), st.randoms())
def test_one_leak_among_equals_is_found_whoever_it_is(
    others_mb: list[float], leak_mb: float, chance: random.Random
) -> None:
    values = {f"worker {number}": value * MB for number, value in enumerate(others_mb)}
    names = [*values, "leaking"]
    chance.shuffle(names)
    values["leaking"] = leak_mb * MB
    assert high_outliers({name: values[name] for name in names}) == {"leaking"}


@given(st.floats(-1e9, 1e9), st.floats(0, 1e9))
def test_a_steady_growth_is_measured_exactly(bytes_per_hour: float, start: float) -> None:
    samples = [(second, start + bytes_per_hour * second / 3600) for second in range(0, 7200, 300)]
    assert slope_per_hour(samples) == pytest.approx(bytes_per_hour, rel=1e-6, abs=1e-2)


def test_recycles_and_peaks_do_not_look_like_growth() -> None:
    # Twelve hours of five-minute samples: the browser fills its caches within each hour, and now and then
    # a page is heavy.
    chance = random.Random(4)  # noqa: S311 - samples, not secrets
    saw = [(second, 300 * MB + (second % 3600) / 3600 * 60 * MB) for second in range(0, 43_200, 300)]
    peaked = [(at, value + (400 * MB if chance.random() < 0.1 else 0)) for at, value in saw]
    assert abs(slope_per_hour(peaked)) < MAX_SLOPE_BYTES_PER_HOUR / 2
    leaking = [(at, value + at / 3600 * 12 * MB) for at, value in peaked]
    assert slope_per_hour(leaking) > MAX_SLOPE_BYTES_PER_HOUR
    assert is_growing(slope_per_hour(leaking), over_s=43_200)


def test_one_peak_at_the_end_is_no_growth() -> None:
    samples = [(float(second), 300.0 * MB) for second in range(0, 7200, 300)]
    assert slope_per_hour([*samples, (7200.0, 900.0 * MB)]) == 0


def test_there_is_no_slope_in_one_moment() -> None:
    assert slope_per_hour([]) == 0
    assert slope_per_hour([(5, 10 * MB)]) == 0
    assert slope_per_hour([(5, 10 * MB), (5, 90 * MB)]) == 0


def test_many_samples_are_looked_at_from_the_first_to_the_last() -> None:
    flat = [(float(second), 0.0) for second in range(5_000)]
    samples = flat + [(float(second), (second - 5_000) * float(MB)) for second in range(5_000, 20_000)]
    assert slope_per_hour(samples) == pytest.approx(3600 * MB, rel=0.1)


@pytest.mark.parametrize(
    ("slope_mb", "hours", "expected"),
    [(12, 12, True), (70, 1, True), (40, 1, False), (2, 100, False), (-100, 12, False), (12, 5, False)],
)
def test_growth_counts_when_it_is_fast_and_much(*, slope_mb: float, hours: float, expected: bool) -> None:
    assert is_growing(slope_mb * MB, over_s=hours * 3600) == expected
