"""`block_requests`: what a caller may list, and how it is told when the list is wrong."""

import pytest
from pydantic import ValidationError

from fleet.render.request import RenderRequest


def test_lists_that_mean_the_same_are_the_same_request() -> None:
    one = RenderRequest(html="x", block_requests=["B.example", "*.a.example", "b.example."])
    other = RenderRequest(html="x", block_requests=("*.a.example", "b.example"))
    assert one.block_requests == ("*.a.example", "b.example")
    assert one == other


def test_the_page_itself_cannot_be_blocked() -> None:
    with pytest.raises(ValidationError, match="matches `url` itself"):
        RenderRequest(url="https://www.example.com/", block_requests=("*.example.com",))
    with pytest.raises(ValidationError, match="matches `url` itself"):
        RenderRequest(url="https://example.com/a?x", block_requests=("*/a*",))
    RenderRequest(url="https://example.com/", block_requests=("*.example.com", "example.com/a*"))
    RenderRequest(url="https://a.example/", block_requests=["a.example"], allow_requests=["a.example/"])


@pytest.mark.parametrize(
    "pattern",
    [
        "https://a.example/x",
        "a.example:8080",
        r"ads[0-9]+\.example\.com",
        r"a.example/(x|y)\.js",
        "/banner[0-9]/",
        "*/",
        "*",
        "ad*.example.com",
        "a.example/#x",
        "a.example/" + "x" * 500,
    ],
)
def test_a_wrong_pattern_is_named(pattern: str) -> None:
    with pytest.raises(ValidationError) as caught:
        RenderRequest.model_validate({"html": "x", "block_requests": [pattern]})
    (finding,) = caught.value.errors()
    assert finding["loc"] == ("block_requests",)
    assert repr(pattern[:255]) in finding["msg"]


def test_the_list_is_bounded() -> None:
    RenderRequest(html="x", block_requests=tuple(f"h{number}.example" for number in range(1_000)))
    with pytest.raises(ValidationError, match="at most 1000"):
        RenderRequest(html="x", block_requests=tuple(f"h{number}.example" for number in range(100_000)))
