"""Waits that contradict each other are refused, and a selector may be given alone."""

from typing import Any

import pytest
from pydantic import ValidationError

from fleet.input.field_errors import in_words
from fleet.render.request import RenderRequest


def request_for(**options: Any) -> RenderRequest:
    return RenderRequest(html="<p>", **options)


def refusal(**options: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        request_for(**options)
    return in_words(caught.value, RenderRequest)


def test_a_page_is_awaited_until_it_is_finished_unless_something_else_is_asked_for() -> None:
    assert request_for().wait_until == "auto"


def test_a_selector_alone_means_that_it_has_to_be_visible() -> None:
    alone = request_for(wait_for_selector="#chart")
    assert alone.wait_for_selector is not None
    assert (alone.wait_for_selector.selector, alone.wait_for_selector.state) == ("#chart", "visible")
    whole = request_for(wait_for_selector={"selector": "#chart", "state": "visible"})
    assert alone.canonical() == whole.canonical()
    stored = alone.model_dump_json(exclude_defaults=True)
    assert RenderRequest.model_validate_json(stored) == alone


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("", "wait_for_selector.selector: must have at least 1 character"),
        ({"selector": "#a", "state": "gone"}, "wait_for_selector.state: must be visible, hidden or attached"),
        ({"state": "hidden"}, "wait_for_selector.selector: is missing"),
        (7, "wait_for_selector: must be a CSS selector, or an object with `selector` and `state`"),
    ],
)
def test_a_selector_that_says_nothing_is_refused(given: Any, words: str) -> None:
    assert refusal(wait_for_selector=given) == words


@pytest.mark.parametrize("name", ["navigation_timeout_ms", "delay_ms"])
def test_a_wait_longer_than_the_attempt_is_refused(name: str) -> None:
    expected = f"{name}: is longer than `timeout_ms` (5000), which ends the whole attempt before"
    assert refusal(timeout_ms=5_000, **{name: 6_000}) == expected
    assert "navigation_timeout_ms: is longer than `timeout_ms` (60000)" in refusal(
        navigation_timeout_ms=90_000
    )


def test_a_short_attempt_alone_is_no_contradiction() -> None:
    short = request_for(timeout_ms=5_000)
    assert RenderRequest.model_validate(short.model_dump(exclude_defaults=True)) == short
