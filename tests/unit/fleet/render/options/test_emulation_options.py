"""Who the page's reader is: what is taken, and how equal wishes become equal."""

from typing import Any

import pytest
from pydantic import ValidationError

from fleet.input.field_errors import field_errors_of
from fleet.render.request import RenderRequest


def said(**options: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        RenderRequest.model_validate({"html": "x", **options})
    return field_errors_of(caught.value.errors(), RenderRequest)[0].sentence


@pytest.mark.parametrize(
    ("given", "taken"),
    [("de", "de"), ("DE-de", "de-DE"), ("ZH-hant-tw", "zh-Hant-TW"), ("es-419", "es-419"), ("fil", "fil")],
)
def test_a_locale_is_written_in_one_way(given: str, taken: str) -> None:
    assert RenderRequest.model_validate({"html": "x", "locale": given}).locale == taken


@pytest.mark.parametrize(
    "locale", ["", "german", "d", "de-", "de-DE;q=0.5", "de-DE,en", "de-u-co-phonebk", "dé", "de-DE\n", "*"]
)
def test_what_is_no_language_tag_is_refused(locale: str) -> None:
    assert said(locale=locale) == "locale: is no language tag (BCP 47)"


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"locale": "en_GB"}, "locale: is no language tag (BCP 47); did you mean `en-GB`?"),
        ({"timezone_id": "Europe/Berln"}, "timezone_id: is no time zone; did you mean `Europe/Berlin`?"),
        ({"timezone_id": "CEST"}, "timezone_id: is no time zone"),
        (
            {"user_agent": "a\r\nb: c"},
            "user_agent: must be text of printable ASCII characters, as a header has them",
        ),
        ({"user_agent": ""}, "user_agent: must have at least 1 character"),
        ({"geolocation": {"latitude": 91, "longitude": 0}}, "geolocation.latitude: must be at most 90"),
        ({"geolocation": {"latitude": 1}}, "geolocation.longitude: is missing"),
        ({"color_scheme": "no-preference"}, "color_scheme: must be light or dark"),
        ({"reduced_motion": True}, "reduced_motion: must be reduce or no-preference"),
        ({"media": "tv"}, "media: must be screen or print"),
    ],
)
def test_a_wrong_value_is_refused_with_what_is_right(options: dict[str, Any], sentence: str) -> None:
    assert said(**options).startswith(sentence)
