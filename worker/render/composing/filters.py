"""Filters of templates: numbers, money, percentages and dates as a language writes them."""

import decimal
import re
from collections.abc import Callable
from copy import copy
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any, Final
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError, dates, numbers
from babel.numbers import NumberPattern

_DEFAULT: Final = Locale("en", "US")
_STYLES: Final = ("short", "medium", "long", "full")
# Longer numbers are nothing that people read, and 1e999999999 would be a text of a gigabyte.
_MAX_DIGITS: Final = 60
_MAX_DECIMALS: Final = 20
_MAX_PATTERN_LENGTH: Final = 100
_CURRENCY: Final = re.compile(r"[A-Z]{3}", re.ASCII)
# As on invoices: 0.125 becomes 0.13. Babel would use the nearest even digit.
decimal.getcontext().rounding = decimal.ROUND_HALF_UP


class UnfitValueError(ValueError):
    """A filter cannot do anything with what it is given. The message does not repeat it."""


def filters_for(locale: str | None, timezone_id: str | None) -> dict[str, Callable[..., str]]:
    """The filters.

    Args:
        locale: language of all that have no `locale` of their own; None: English as in the USA.
        timezone_id: the zone in which moments are written; None: the one that they are given in.
    """
    formats = _Formats(_locale(locale) if locale else _DEFAULT, timezone_id)
    return {
        "number": formats.number,
        "currency": formats.currency,
        "percent": formats.percent,
        "date": formats.day,
        "time": formats.clock,
        "datetime": formats.day_and_clock,
    }


class _Formats:
    """The filters of one template."""

    def __init__(self, locale: Locale, timezone_id: str | None) -> None:
        self._default = locale
        self._zone = ZoneInfo(timezone_id) if timezone_id else None

    def number(self, value: Any, digits: int | None = None, locale: str | None = None) -> str:
        """A number; without `digits` with up to three behind the point."""
        found = self._locale(locale)
        return _applied(found.decimal_formats[None], _decimal(value, "number"), digits, found)

    def percent(self, value: Any, digits: int | None = None, locale: str | None = None) -> str:
        """0.19 as 19%."""
        found = self._locale(locale)
        return _applied(found.percent_formats[None], _decimal(value, "percent"), digits, found)

    def currency(self, value: Any, currency: Any, locale: str | None = None) -> str:
        """Money: as many digits as the currency has."""
        if not isinstance(currency, str) or not _CURRENCY.fullmatch(currency):
            raise UnfitValueError("`currency` needs the code of a currency, such as EUR (ISO 4217)")
        if currency not in _DEFAULT.currencies:
            raise UnfitValueError("`currency` has a code that is no currency (ISO 4217)")
        return numbers.format_currency(_decimal(value, "currency"), currency, locale=self._locale(locale))

    def day(self, value: Any, format: str = "medium", locale: str | None = None) -> str:  # noqa: A002 - Babel's
        """A day, such as November 29, 2026."""
        moment = self._moment(value, "date")
        return _dated(lambda: dates.format_date(moment, _pattern(format), self._locale(locale)))

    def day_and_clock(self, value: Any, format: str = "medium", locale: str | None = None) -> str:  # noqa: A002 - Babel's
        """A day and a time of day."""
        moment = self._moment(value, "datetime")
        return _dated(
            lambda: dates.format_datetime(moment, _pattern(format), moment.tzinfo, self._locale(locale))
        )

    def clock(self, value: Any, format: str = "short", locale: str | None = None) -> str:  # noqa: A002 - Babel's
        """A time of day."""
        moment = self._moment(value, "time")
        return _dated(
            lambda: dates.format_time(moment, _pattern(format), moment.tzinfo, self._locale(locale))
        )

    def _locale(self, name: str | None) -> Locale:
        return self._default if name is None else _locale(name)

    def _moment(self, value: Any, filter_: str) -> datetime:
        if isinstance(value, str):
            for read in (datetime.fromisoformat, _today_at):
                try:
                    moment = read(value.strip())
                except ValueError:
                    continue
                return moment.astimezone(self._zone) if moment.tzinfo and self._zone else moment
        raise UnfitValueError(
            f"`{filter_}` needs a date or time as text, such as 2026-11-29 or 2026-11-29T18:00:00Z (ISO 8601)"
        )


def _today_at(text: str) -> datetime:
    return datetime.combine(date.min, time.fromisoformat(text))


def _locale(name: Any) -> Locale:
    """A language. One that CLDR does not have for this region is the language alone."""
    if isinstance(name, str):
        words = name.replace("_", "-")
        for known in (words, words.split("-")[0]):
            try:
                return Locale.parse(known, sep="-")
            except (UnknownLocaleError, ValueError):
                continue
    raise UnfitValueError("`locale` is no language, such as de or de-DE")


def _decimal(value: Any, filter_: str) -> Decimal:
    if isinstance(value, int | float | str | Decimal) and not isinstance(value, bool):
        try:
            number = Decimal(str(value).strip())
        except (InvalidOperation, ValueError):
            number = Decimal("NaN")
        if number.is_finite() and abs(number.adjusted()) <= _MAX_DIGITS:
            return number
    raise UnfitValueError(f"`{filter_}` needs a number, such as 1234.5, of at most {_MAX_DIGITS} digits")


def _applied(pattern: NumberPattern, number: Decimal, digits: Any, locale: Locale) -> str:
    if digits is not None:
        if isinstance(digits, bool) or not isinstance(digits, int) or not 0 <= digits <= _MAX_DECIMALS:
            raise UnfitValueError(f"the number of digits is a whole number from 0 to {_MAX_DECIMALS}")
        pattern = copy(pattern)
        pattern.frac_prec = (digits, digits)
    return str(pattern.apply(number, locale))


def _pattern(format_: Any) -> Any:
    if not isinstance(format_, str) or len(format_) > _MAX_PATTERN_LENGTH:
        raise UnfitValueError("the format is a text, such as long or yyyy-MM-dd")
    return format_


def _dated(write: Callable[[], str]) -> str:
    try:
        return write()
    except (KeyError, ValueError, AttributeError, IndexError) as error:
        styles = ", ".join(_STYLES)
        raise UnfitValueError(f"the format is one of {styles}, or a pattern such as yyyy-MM-dd") from error
