"""`format` and what belongs to it: which options fit each other."""

from typing import Any

import pytest
from pydantic import ValidationError

from fleet.input.field_errors import in_words
from fleet.render.request import RenderRequest

PIXELS = "width x height x `device_scale_factor` squared"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"quality": 50}, "quality: is for jpeg, webp and avif; `format` is png"),
        (
            {"optimize": "size", "format": "webp"},
            "optimize: can be size only for png and pdf; `format` is webp",
        ),
        ({"width_px": 50, "format": "pdf"}, "width_px: is for pictures; `format` is pdf"),
        ({"height_px": 16_384}, "height_px: must be at most 16383"),
        (
            {"format": "avif", "viewport": {"width": 8000, "height": 4000}},
            f"viewport: {PIXELS} is 32,000,000 pixels; at most 16,000,000 are allowed for avif",
        ),
    ],
)
def test_what_does_not_fit_is_said(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        RenderRequest.model_validate({"html": "x", **options})
    assert in_words(caught.value, RenderRequest) == words
