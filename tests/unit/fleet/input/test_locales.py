"""Language tags that exist, and those that do not."""

import pytest
from pydantic_core import PydanticCustomError

from fleet.input.locales import normal_locale


@pytest.mark.parametrize(
    ("given", "normal"),
    [
        ("de", "de"),
        ("DE-de", "de-DE"),
        ("zh-hant-tw", "zh-Hant-TW"),
        ("es-419", "es-419"),
        ("en-JP", "en-JP"),
        ("iw", "iw"),
    ],
)
def test_languages_that_exist(given: str, normal: str) -> None:
    assert normal_locale(given) == normal


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ("xx", "has `xx`, which is no language that CLDR knows"),
        ("de-ZZ", "has `ZZ`, which is no region that CLDR knows"),
        ("de-Abcd-DE", "has `Abcd`, which is no script that CLDR knows"),
        ("de_DE", "is no language tag (BCP 47); did you mean `de-DE`?"),
        ("German", "is no language tag (BCP 47)"),
    ],
)
def test_languages_that_do_not_exist(given: str, reason: str) -> None:
    with pytest.raises(PydanticCustomError) as caught:
        normal_locale(given)
    assert caught.value.message() == reason
