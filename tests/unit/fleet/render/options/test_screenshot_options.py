"""`selector`, `clip` and the like: which options fit each other."""

from typing import Any

import pytest
from pydantic import ValidationError

from fleet.input.field_errors import in_words
from fleet.render.request import RenderRequest

PIXELS = "width x height x `device_scale_factor` squared"
CLIP = {"x": 0, "y": 0, "width": 10, "height": 10}


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"clip": CLIP, "selector": "p"}, "clip: cannot be given together with `selector`"),
        ({"clip": CLIP, "full_page": True}, "clip: cannot be given together with `full_page`"),
        ({"selector": "p", "full_page": True}, "selector: cannot be given together with `full_page`"),
        ({"selector_padding_px": 5}, "selector_padding_px: is for `selector`, which is missing"),
        ({"clip": {**CLIP, "y": -1}}, "clip.y: must be at least 0"),
        ({"clip": {**CLIP, "width": 0}}, "clip.width: must be at least 1"),
        (
            {"clip": {**CLIP, "width": 10_000, "height": 5_000}},
            f"clip: {PIXELS} is 50,000,000 pixels; at most 40,000,000 are allowed",
        ),
        (
            {"omit_background": True, "format": "jpeg"},
            "omit_background: is not for jpeg, which is never transparent",
        ),
        ({"selector": "p", "format": "pdf"}, "selector: is for pictures; `format` is pdf"),
        ({"hide_selectors": ["p", ""]}, "hide_selectors.1: must have 1 to 1000 characters"),
        ({"animations": "off"}, "animations: must be allow or disabled"),
    ],
)
def test_what_does_not_fit_is_said(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        RenderRequest.model_validate({"html": "x", **options})
    assert in_words(caught.value, RenderRequest) == words
