"""Times as people type them and read them."""

import re
from datetime import UTC, datetime, timedelta
from typing import Final

import typer

_UNITS: Final = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_DURATION: Final = re.compile(r"(\d+)([smhdw])")
_STEPS: Final = (
    (60.0, 1.0, "s"),
    (3600.0, 60.0, "min"),
    (86400.0, 3600.0, "h"),
    (float("inf"), 86400.0, "d"),
)


def duration(text: str) -> timedelta:
    """`90s`, `30m`, `1h`, `30d`, `2w`.

    Raises:
        typer.BadParameter: it is none of these.
    """
    found = _DURATION.fullmatch(text)
    if found is None:
        raise typer.BadParameter(f"{text!r} is no duration, such as 90s, 30m, 1h, 30d or 2w")
    return timedelta(**{_UNITS[found[2]]: int(found[1])})


def moment(text: str) -> datetime:
    """A time (ISO 8601, local without a time zone), or a duration before now.

    Raises:
        typer.BadParameter: it is neither.
    """
    try:
        return datetime.fromisoformat(text).astimezone()
    except ValueError:
        return datetime.now(UTC) - duration(text)


def ago(then: datetime | None) -> str:
    """How long ago something was, or how far it is ahead."""
    if then is None:
        return ""
    seconds = (datetime.now(UTC) - then).total_seconds()
    return f"{spoken(seconds)} ago" if seconds >= 0 else f"in {spoken(-seconds)}"


def spoken(seconds: float) -> str:
    """Seconds in a unit that fits."""
    return next(f"{seconds / unit:.0f} {word}" for below, unit, word in _STEPS if seconds < below)


def exact(then: datetime | None) -> str:
    """A time for machines: UTC, with all its digits."""
    return "" if then is None else then.astimezone(UTC).isoformat().replace("+00:00", "Z")
