"""`full_page` and what belongs to it: which options fit each other."""

from typing import Any

import pytest
from pydantic import ValidationError

from fleet.input.field_errors import in_words
from fleet.render.request import RenderRequest


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"full_page_scroll": True},
            "full_page_scroll: is for whole pages; set `full_page` to true, too",
        ),
        (
            {"full_page_max_height_px": 10},
            "full_page_max_height_px: is for whole pages; set `full_page` to true, too",
        ),
        (
            {"full_page": True, "full_page_max_height_px": 100_001},
            "full_page_max_height_px: must be at most 100000",
        ),
        (
            {"full_page": True, "format": "pdf"},
            "full_page: is for pictures; `format` is pdf; a pdf always holds the whole page",
        ),
    ],
)
def test_what_does_not_fit_is_said(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        RenderRequest.model_validate({"html": "x", **options})
    assert in_words(caught.value, RenderRequest) == words


def test_what_is_given_and_what_is_usual_are_the_same_request() -> None:
    usual = RenderRequest(html="x", full_page=True)
    given = RenderRequest(html="x", full_page=True, full_page_scroll=True, full_page_max_height_px=None)
    assert usual.canonical() == given.canonical()
    assert usual.rendered() == given.rendered()
