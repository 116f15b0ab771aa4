"""The strip of a schedule's last pictures: which have changed, and which picture stands for which."""

from datetime import timedelta
from uuid import UUID

import pytest

from api.ui.pages.schedules.pair import chosen_ids
from api.ui.pages.schedules.strip import Change, strip_of
from fleet.jobs.job import State
from fleet.schedules.history import ScheduledJob
from tests.kit.data.plain_job import ACCEPTED_AT


def job(number: int, sha256: str | None, **changes: object) -> ScheduledJob:
    known: dict[str, object] = {
        "id": UUID(int=number),
        "schedule_id": UUID(int=99),
        "state": State.SUCCEEDED if sha256 else State.FAILED,
        "created_at": ACCEPTED_AT + timedelta(days=number),
        "scheduled_for": None,
        "unchanged": None,
        "error_type": None if sha256 else "tls_error",
        "distance": None,
        "sha256": sha256,
        "content_type": "image/png",
        "width_px": 100,
        "height_px": 100,
        "size_bytes": 1000,
        "is_stored": sha256 is not None,
    }
    return ScheduledJob(**known | changes)  # type: ignore[arg-type]


def test_what_the_worker_has_compared_counts() -> None:
    jobs = [
        job(4, "d", unchanged=False, distance=0.2),
        job(3, "c", unchanged=True, distance=0.0),
        job(2, "b", unchanged=True, distance=0.0001),
        job(1, "a", unchanged=False),
    ]
    strip = strip_of(jobs)
    assert [piece.change for piece in strip] == [Change.CHANGED, Change.SAME, Change.SAME, Change.FIRST]
    # Both that are as before show the picture that they equal.
    assert [str(UUID(int=n)) in (strip[4 - n].address or "") for n in (1, 2, 3, 4)] == [
        True,
        False,
        False,
        True,
    ]
    assert strip[1].address == strip[2].address == strip[3].address


def test_without_a_comparison_the_bytes_count_also_across_a_failure() -> None:
    strip = strip_of([job(5, "b"), job(4, "a"), job(3, None), job(2, "a"), job(1, "a")])
    assert [piece.change for piece in strip] == [
        Change.CHANGED,
        Change.SAME,
        Change.NONE,
        Change.SAME,
        Change.FIRST,
    ]
    assert (strip[2].address, strip[2].words) == (None, "tls error")


def test_what_has_no_small_picture_says_why() -> None:
    strip = strip_of(
        [
            job(4, None, state=State.QUEUED, error_type=None),
            job(3, "c", height_px=1_000_000),
            job(2, "b", is_stored=False),
            job(1, "a", content_type="application/pdf"),
        ]
    )
    assert [piece.address for piece in strip] == [None] * 4
    assert [piece.words for piece in strip] == ["waiting", "100 x 1,000,000 px", "erased", "PDF"]


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (None, None, (2, 3)),  # the last change, not the newest
        (None, 2, (1, 2)),
        (1, 5, (1, 5)),
        (5, 1, (1, 5)),
        (None, 1, None),
        (3, 3, None),
    ],
)
def test_which_two_are_compared(one: int | None, other: int | None, expected: tuple[int, int] | None) -> None:
    strip = strip_of(
        [
            job(5, "b", unchanged=True, distance=0.0),
            job(4, None),
            job(3, "b", unchanged=False, distance=0.5),
            job(2, "a", unchanged=True, distance=0.0),
            job(1, "a", unchanged=False),
        ]
    )
    ids = [None if number is None else UUID(int=number) for number in (one, other)]
    found = chosen_ids(strip, one=ids[0], other=ids[1])
    assert found == (None if expected is None else tuple(UUID(int=number) for number in expected))


def test_of_one_picture_there_is_no_pair() -> None:
    assert chosen_ids(strip_of([job(1, "a")]), one=None, other=None) is None
    assert chosen_ids([], one=None, other=None) is None
