"""Numbers, money and dates as languages write them."""

import pytest

from worker.render.composing.filters import UnfitValueError, filters_for


@pytest.mark.parametrize(
    ("locale", "number", "money", "percent", "day"),
    [
        (None, "1,234.50", "€1,234.50", "19%", "November 29, 2026"),
        ("de-DE", "1.234,50", "1.234,50\xa0€", "19\xa0%", "29. November 2026"),
        ("en-IN", "1,234.50", "€1,234.50", "19%", "29 November 2026"),
        ("fr-FR", "1\u202f234,50", "1\u202f234,50\xa0€", "19\xa0%", "29 novembre 2026"),
        ("ja-JP", "1,234.50", "€1,234.50", "19%", "2026年11月29日"),
    ],
)
def test_the_locale_of_the_job(locale: str | None, number: str, money: str, percent: str, day: str) -> None:
    filters = filters_for(locale, None)
    assert filters["number"](1234.5, 2) == number
    assert filters["currency"](1234.5, "EUR") == money
    assert filters["percent"](0.19) == percent
    assert filters["date"]("2026-11-29", "long") == day


def test_a_filter_can_have_a_locale_of_its_own() -> None:
    filters = filters_for("de-DE", None)
    assert filters["number"](1234.5, locale="en-US") == "1,234.5"
    assert filters["currency"]("1234.5", "JPY", locale="en-US") == "¥1,235"
    assert filters["date"]("2026-11-29", "short", "en-GB") == "29/11/2026"


def test_numbers() -> None:
    filters = filters_for("en-IN", None)
    assert filters["number"](12345678.9) == "1,23,45,678.9"
    assert filters["number"](0.125, 2) == "0.13"  # as on invoices, not to the nearest even digit
    assert filters["number"]("-7", 1) == "-7.0"
    assert filters["percent"](0.0725, 2) == "7.25%"


def test_dates_and_times() -> None:
    filters = filters_for("en-GB", "Asia/Tokyo")
    assert filters["datetime"]("2026-11-29T18:00:00Z", "yyyy-MM-dd HH:mm") == "2026-11-30 03:00"
    assert filters["date"]("2026-11-29T18:00:00Z", "yyyy-MM-dd") == "2026-11-30"
    assert filters["time"]("2026-11-29T18:05:00Z", "HH:mm") == "03:05"
    assert filters["datetime"]("2026-11-29T18:00:00", "yyyy-MM-dd HH:mm") == "2026-11-29 18:00"  # of no zone
    assert filters["time"]("18:05") == "18:05"
    assert filters["date"]("2026-11-29", "EEEE") == "Sunday"


@pytest.mark.parametrize("value", [True, None, [], "one", "NaN", "1e999999", float("inf"), "1" * 100])
def test_what_is_no_number(value: object) -> None:
    with pytest.raises(UnfitValueError, match="needs a number"):
        filters_for(None, None)["number"](value)


@pytest.mark.parametrize("value", [None, 20261129, "29.11.2026", "2026-13-01", ""])
def test_what_is_no_date(value: object) -> None:
    with pytest.raises(UnfitValueError, match="needs a date"):
        filters_for(None, None)["date"](value)


@pytest.mark.parametrize("digits", [-1, 21, "2", 1.5, True])
def test_digits_are_bounded(digits: object) -> None:
    with pytest.raises(UnfitValueError, match="whole number from 0 to 20"):
        filters_for(None, None)["number"](1, digits)
