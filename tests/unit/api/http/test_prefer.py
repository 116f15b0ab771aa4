"""The wait preference of RFC 7240."""

import pytest

from api.http.prefer import preferred_wait_s


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ([], None),
        (["wait=10"], 10),
        (["wait=300"], 60),
        (["wait=0"], 0),
        (["respond-async, wait=10"], 10),
        (["respond-async", "wait=10"], 10),
        (["Wait = 7"], 7),
        (['wait="7"; foo=bar'], 7),
        (["wait=5, wait=9"], 5),
        (["wait"], None),
        (["wait="], None),
        (["wait=-1"], None),
        (["wait=1.5"], None),
        (["wait=soon"], None),
        (["wait=\u0663"], None),
        (["waiting=10"], None),
        (["wait=" + "9" * 5000], None),
    ],
)
def test_the_first_usable_wait_counts(values: list[str], expected: int | None) -> None:
    assert preferred_wait_s(values) == expected
