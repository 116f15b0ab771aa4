"""What lies between two looks at a job, for every way that a job can go."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.jobs.moments import Moment, moments_until
from fleet.jobs.job import State

QUEUED, RUNNING = State.QUEUED, State.RUNNING
ENDS = [state for state in State if state.is_terminal]
# What may follow an open state.
AFTER = {
    QUEUED: [State.CANCELLED, State.EXPIRED, RUNNING],
    RUNNING: [QUEUED, *ENDS],
}


def ids(*, seen: str | None, now: str) -> list[str]:
    moment = Moment.parse(now)
    assert moment is not None
    return [str(step) for step in moments_until(moment, seen=None if seen is None else Moment.parse(seen))]


@pytest.mark.parametrize(
    ("seen", "now", "between"),
    [
        (None, "0-queued", "0-queued"),
        (None, "3-succeeded", "3-succeeded"),
        ("0-queued", "0-queued", ""),
        ("0-queued", "1-running", "1-running"),
        ("0-queued", "1-succeeded", "1-running 1-succeeded"),
        ("0-queued", "0-cancelled", "0-cancelled"),
        ("0-queued", "1-cancelled", "1-running 1-cancelled"),
        ("0-queued", "1-queued", "1-running 1-queued"),
        ("1-running", "1-queued", "1-queued"),
        ("1-running", "1-failed", "1-failed"),
        ("1-running", "2-running", "1-queued 2-running"),
        ("1-running", "2-failed", "1-queued 2-running 2-failed"),
        ("1-queued", "1-expired", "1-expired"),
        ("1-queued", "3-running", "2-running 2-queued 3-running"),
        # There is no way back, and none from an end.
        ("1-queued", "1-running", ""),
        ("2-running", "1-running", ""),
        ("2-running", "1-failed", ""),
        ("1-running", "0-queued", ""),
        ("1-failed", "1-failed", ""),
        ("1-failed", "2-running", ""),
        ("1-failed", "1-succeeded", ""),
    ],
)
def test_the_way_between_two_moments(seen: str | None, now: str, between: str) -> None:
    assert ids(seen=seen, now=now) == between.split()


@st.composite
def lives(draw: st.DrawFn) -> list[Moment]:
    """All moments of a job, from its acceptance on, as the states allow them."""
    life = [Moment(QUEUED, 0)]
    for _ in range(draw(st.integers(0, 12))):
        state = draw(st.sampled_from(AFTER[life[-1].state]))
        life.append(Moment(state, life[-1].attempt + (state is RUNNING)))
        if state.is_terminal:
            break
    return life


@given(life=lives(), places=st.tuples(st.integers(0, 12), st.integers(0, 12)))
def test_what_a_reader_missed_is_told_in_order_and_nothing_else(
    life: list[Moment], places: tuple[int, int]
) -> None:
    first, last = sorted(min(place, len(life) - 1) for place in places)
    told = list(moments_until(life[last], seen=life[first]))
    happened = life[first + 1 : last + 1]
    # A job that was given up may have gone back to the queue before: that cannot be seen any more.
    if told != happened:
        assert life[last].state in (State.CANCELLED, State.EXPIRED)
        assert happened[-2].state is QUEUED
        assert told == happened[:-2] + happened[-1:]


@given(life=lives(), places=st.tuples(st.integers(0, 12), st.integers(0, 12)))
def test_a_reader_that_comes_with_an_old_row_is_told_nothing(
    life: list[Moment], places: tuple[int, int]
) -> None:
    older, newer = sorted(min(place, len(life) - 1) for place in places)
    assert not list(moments_until(life[older], seen=life[newer]))
    assert life[older].leads_to(life[newer]) == (older < newer)


@given(st.sampled_from(State), st.integers(1, 999_999_999))
def test_an_id_reads_back(state: State, attempt: int) -> None:
    assert Moment.parse(str(Moment(state, attempt))) == Moment(state, attempt)


@given(st.text("019- +", max_size=4), st.sampled_from(["", "run", "-", *State]), st.text("- \n", max_size=1))
def test_whatever_is_read_is_an_id(number: str, word: str, end: str) -> None:
    text = f"{number}{word}{end}"
    moment = Moment.parse(text)
    assert moment is None or str(moment) == text


@pytest.mark.parametrize(
    "text",
    [
        *("", "queued", "0-", "-1-queued", "1-done", "01-queued", "0-running", "0-succeeded", "0-failed"),
        *("1-running ", "1 - running", "\u0661-running", "9" * 5000 + "-running", "1-RUNNING"),
    ],
)
def test_nonsense_is_no_id(text: str) -> None:
    assert Moment.parse(text) is None
