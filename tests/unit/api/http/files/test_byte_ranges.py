"""Range, If-Range and If-None-Match as RFC 9110 has them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.datastructures import Headers

from api.http.files.byte_ranges import (
    Span,
    UnsatisfiableRangeError,
    is_unmodified,
    requested_span,
)

ETAG = '"abc"'


def span(value: str, *, size: int = 100, if_range: str | None = None) -> Span | None:
    headers = {"range": value} | ({} if if_range is None else {"if-range": if_range})
    return requested_span(Headers(headers), size=size, etag=ETAG)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("bytes=0-0", Span(0, 0)),
        ("bytes=0-99", Span(0, 99)),
        ("bytes=0-1000", Span(0, 99)),
        ("bytes=99-", Span(99, 99)),
        ("bytes=-1", Span(99, 99)),
        ("bytes=-1000", Span(0, 99)),
        ("BYTES=1-2", Span(1, 2)),
        (" bytes=1-2 ", Span(1, 2)),
        ("bytes=2-1", None),
        ("bytes=1-2,4-5", None),
        ("bytes=-", None),
        ("bytes=", None),
        ("bytes=a-b", None),
        ("bytes=+1-2", None),
        ("bytes=1-2;x", None),
        ("lines=1-2", None),
        ("bytes=" + "9" * 400 + "-", None),
        ("bytes=\u00b2-\u00b3", None),
    ],
)
def test_one_satisfiable_range_is_taken_anything_odd_means_the_whole(
    value: str, expected: Span | None
) -> None:
    assert span(value) == expected


@pytest.mark.parametrize("value", ["bytes=100-", "bytes=100-200", "bytes=-0"])
def test_a_range_outside_is_unsatisfiable(value: str) -> None:
    with pytest.raises(UnsatisfiableRangeError):
        span(value)


def test_if_range_decides_whether_the_range_counts() -> None:
    assert span("bytes=0-0", if_range=ETAG) == Span(0, 0)
    for other in ('"other"', f"W/{ETAG}", "Wed, 21 Oct 2015 07:28:00 GMT"):
        assert span("bytes=0-0", if_range=other) is None


@given(st.text(alphabet="bytes=-,0123456789 ", max_size=30), st.integers(0, 1000))
def test_a_span_always_lies_within_the_artifact(value: str, size: int) -> None:
    try:
        found = span(value, size=size)
    except UnsatisfiableRangeError:
        return
    assert found is None or 0 <= found.first <= found.last < size


@pytest.mark.parametrize(
    ("value", "expected"),
    [(ETAG, True), (f"W/{ETAG}", True), (f'"x", {ETAG}', True), ("*", True), ('"x"', False), ("abc", False)],
)
def test_if_none_match_compares_weakly(value: str, expected: bool) -> None:  # noqa: FBT001 - a table's column
    assert is_unmodified(Headers({"if-none-match": value}), ETAG) is expected
    assert not is_unmodified(Headers({}), ETAG)
