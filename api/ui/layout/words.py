"""Times, sizes and numbers as people read them. Filters of the templates."""

from datetime import UTC, datetime, timedelta
from typing import Final

_STEPS: Final = ((86_400, "d"), (3600, "h"), (60, "min"))
# Where a rounded number would read `10.0 s` and `60 s`.
_TENTHS_UNTIL_S: Final = 9.95
_SECONDS_UNTIL_S: Final = 59.5
_KIBI: Final = 1024
# In place of a value that is not there.
NOTHING: Final = "—"
_UNITS: Final = ("B", "KiB", "MiB", "GiB", "TiB")


def as_duration(seconds: float | timedelta | None) -> str:
    """A length of time: `0.4 s`, `12 s`, `3 min`, `2 h 5 min`, `4 d 3 h`. Nothing is a dash."""
    if seconds is None:
        return NOTHING
    left = seconds.total_seconds() if isinstance(seconds, timedelta) else float(seconds)
    if left < _TENTHS_UNTIL_S:
        return f"{left:.1f} s"
    if left < _SECONDS_UNTIL_S:
        return f"{left:.0f} s"
    whole = round(left)
    words: list[str] = []
    for size, unit in _STEPS:
        count, whole = divmod(whole, size)
        if words and not count:
            break
        if count:
            words.append(f"{count} {unit}")
        if len(words) == 2:  # noqa: PLR2004 - two parts are exact enough
            break
    return " ".join(words)


def as_milliseconds(count: float | None) -> str:
    """A short length of time: `0.4 ms`, `293 ms`; from a second on as `as_duration`. Nothing is a dash."""
    if count is None:
        return NOTHING
    if count >= 1000:  # noqa: PLR2004 - a second
        return as_duration(count / 1000)
    return f"{count:.1f} ms" if 0 < count < 10 else f"{count:.0f} ms"  # noqa: PLR2004 - one digit


def as_age(moment: datetime | None) -> str:
    """How long ago a time was: `just now`, `3 min ago`, or how long it is until then: `in 2 h`.

    Nothing is a dash. Tenths of a second say nothing: what is shown is older than that when it is read.
    """
    if moment is None:
        return NOTHING
    passed = (datetime.now(UTC) - moment).total_seconds()
    length = f"{abs(passed):.0f} s" if abs(passed) < _TENTHS_UNTIL_S else as_duration(abs(passed))
    if length == "0 s":
        return "just now"
    return f"{length} ago" if passed > 0 else f"in {length}"


def as_moment(moment: datetime) -> str:
    """The exact time, for people: `2026-01-31 12:00:04 UTC`."""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def as_machine_time(moment: datetime) -> str:
    """The exact time, for the attribute `datetime` of `<time>`."""
    return f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def as_size(count: float | None) -> str:
    """A number of bytes: `812 B`, `3.4 MiB`. Nothing is a dash."""
    if count is None:
        return NOTHING
    size, unit = float(count), 0
    while size >= _KIBI and unit < len(_UNITS) - 1:
        size, unit = size / _KIBI, unit + 1
    return f"{size:.0f} {_UNITS[unit]}" if unit == 0 or size >= 100 else f"{size:.1f} {_UNITS[unit]}"  # noqa: PLR2004


def as_count(number: float | None) -> str:
    """A number with commas: `12,345`. Nothing is a dash."""
    return NOTHING if number is None else f"{number:,}"
