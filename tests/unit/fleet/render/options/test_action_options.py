"""Which actions, styles and scripts can be asked for."""

import pytest
from pydantic import ValidationError

from fleet.input.field_errors import field_errors_of
from fleet.render.request import RenderRequest
from fleet.render.sealed import secret_fields


def asked(**options: object) -> RenderRequest:
    return RenderRequest.model_validate({"url": "https://example.com/", **options})


def problem(**options: object) -> str:
    with pytest.raises(ValidationError) as caught:
        asked(**options)
    return field_errors_of(caught.value.errors(), RenderRequest)[0].sentence


def test_one_style_or_script_is_a_list_of_one() -> None:
    assert asked(scripts="a()").canonical() == asked(scripts=["a()"]).canonical()
    assert (
        asked(styles={"url": "https://example.com/a.css"}).styles
        == asked(styles=[{"url": "https://example.com/a.css"}]).styles
    )


def test_what_is_typed_is_stored_sealed() -> None:
    typing = {"type": {"selector": "#password", "text": "swordfish"}}
    assert secret_fields(asked(actions=[typing], click="#login")) == ["actions"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"actions": [{}]}, "actions.0.click: give exactly one field for each action"),
        ({"actions": [{"click": "a", "press": "b"}]}, "give exactly one field for each action"),
        ({"actions": [{"press": "Entre"}]}, "actions.0.press: is no key that is known"),
        ({"actions": [{"wait": 1}] * 51}, "actions: must have at most 50 entries"),
        ({"scripts": ["x" * 131_073]}, "scripts: has 131,073 bytes of text, but at most 131,072 bytes"),
        ({"scripts": {"url": "http://10.0.0.1/a.js"}}, "scripts.0.url: "),
        ({"styles": [""]}, "styles.0.text: must have at least 1 character"),
        ({"styles": {}}, "styles.0.text: give exactly one of `text` and `url`"),
        ({"scripts": 7}, "scripts.0: must be a JSON object"),
        ({"click": ""}, "click: must have at least 1 character"),
    ],
)
def test_what_cannot_be_is_refused_in_words(options: dict[str, object], words: str) -> None:
    assert words in problem(**options)
