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
    with pytest.raises(ValidationError, match="holds the host of `url`"):
        RenderRequest(url="https://www.example.com/", block_requests=("*.example.com",))
    RenderRequest(url="https://example.com/", block_requests=("*.example.com",))


def test_a_wrong_pattern_is_named() -> None:
    with pytest.raises(ValidationError) as caught:
        RenderRequest.model_validate({"html": "x", "block_requests": ["https://a.example/x"]})
    (finding,) = caught.value.errors()
    assert finding["loc"] == ("block_requests",)
    assert "'https://a.example/x' is not a host pattern" in finding["msg"]


def test_the_list_is_bounded() -> None:
    RenderRequest(html="x", block_requests=tuple(f"h{number}.example" for number in range(1_000)))
    with pytest.raises(ValidationError, match="at most 1000"):
        RenderRequest(html="x", block_requests=tuple(f"h{number}.example" for number in range(1_001)))
