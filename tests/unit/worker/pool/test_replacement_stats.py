"""What the tally says of recycles, and of the renders that met one."""

import pytest

from worker.pool.liveness import End
from worker.pool.recycle import Reason
from worker.pool.replacement_stats import Tally, Visit


def render(tally: Tally, waited_s: float | None) -> None:
    with tally.visit() as visit:
        visit.waited_s = waited_s


def test_a_replacement_is_met_by_who_is_there_and_by_who_comes_meanwhile() -> None:
    tally = Tally()
    render(tally, 0.010)
    with tally.visit() as there:
        there.waited_s = 0.010
        with tally.replacement():
            render(tally, 0.050)
    render(tally, 0.010)
    figures = tally.figures()
    assert (figures.renders, figures.overlapping_renders, figures.overlapping_percent) == (4, 2, 50)
    assert figures.added_wait_ms == pytest.approx(20)
    assert figures.longest_overlapping_wait_ms == pytest.approx(50)


def test_the_second_of_two_replacements_still_counts_when_the_first_has_ended() -> None:
    tally = Tally()
    first, second = tally.replacement(), tally.replacement()
    first.__enter__()
    second.__enter__()
    first.__exit__(None, None, None)
    render(tally, 0.0)
    second.__exit__(None, None, None)
    render(tally, 0.0)
    assert tally.figures().overlapping_renders == 1


def test_a_render_that_never_got_a_page_is_not_counted() -> None:
    tally = Tally()
    with tally.replacement():
        render(tally, None)
    assert tally.figures().renders == 0


def test_a_render_that_raised_is_counted() -> None:
    tally = Tally()

    def fail(visit: Visit) -> None:
        visit.waited_s = 0.0
        raise ValueError

    with pytest.raises(ValueError), tally.visit() as visit:  # noqa: PT011 - whichever it is
        fail(visit)
    assert tally.figures().renders == 1


def test_reasons_are_counted_apart() -> None:
    tally = Tally()
    tally.count_recycle(Reason.AGE)
    tally.count_recycle(Reason.AGE)
    tally.count_crash(End.HANG)
    assert (tally.figures().recycles, tally.figures().crashes) == ({"age": 2}, {"hang": 1})
