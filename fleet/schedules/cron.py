"""Cron expressions in a time zone: their next and their latest time. No clock is read: the time is given.

cronsim reads expressions as Debian's cron does, also when clocks are changed (cron(8), "Daylight Saving Time
and other time changes"). A time in an hour that is skipped comes right after that hour. A time in an hour
that is repeated comes once. But if the minute or the hour begins with a star, the expression follows the
clock.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Final, Self

from cronsim import CronSim, CronSimError

from fleet.input.time_zones import zone_named

NICKNAMES: Final = {
    "@hourly": "0 * * * *",
    "@daily": "0 0 * * *",
    "@weekly": "0 0 * * 0",
    "@monthly": "0 0 1 * *",
    "@yearly": "0 0 1 1 *",
}
# Each field with its values; `*`, lists, ranges and steps are allowed in all of them.
FIELDS: Final = {
    "minute": "0 to 59",
    "hour": "0 to 23",
    "day of month": "1 to 31, L or LW",
    "month": "1 to 12 or JAN to DEC",
    "day of week": "0 to 7 or SUN to SAT, also 5#2 and 5L",
}
FORM: Final = (
    f"five fields: {', '.join(FIELDS)}; each a number, *, a list 1,15, a range 1-5 or a step */10; or "
    + ", ".join(NICKNAMES)
)
MAX_LENGTH: Final = 100
_CHARACTERS: Final = re.compile(r"[0-9A-Za-z*/,#@ -]+")
# Where the search for a first time begins. It ends after 50 years; the calendar repeats itself after 28.
_ANY_TIME: Final = datetime(2026, 1, 1, tzinfo=UTC)


class UnusableCronError(ValueError):
    """An expression that is malformed or has no time at all.

    Attributes:
        allowed: what is allowed instead.
    """

    def __init__(self, message: str, allowed: str) -> None:
        super().__init__(message)
        self.allowed = allowed


@dataclass(frozen=True, slots=True)
class Timetable:
    """A cron expression in a time zone. All times are aware; those that are returned are in UTC."""

    expression: str
    zone: tzinfo

    @classmethod
    def parse(cls, expression: str, timezone: str = "UTC") -> Self:
        """Read and check an expression.

        Raises:
            UnusableCronError: the expression is malformed or has no time at all.
            UnknownZoneError: there is no such time zone.
        """
        timetable = cls(_five_fields(expression), zone_named(timezone))
        timetable.after(_ANY_TIME)
        return timetable

    def after(self, moment: datetime) -> datetime:
        """The first time after this moment.

        Raises:
            UnusableCronError: there is none within 50 years.
        """
        # cronsim does not know in which of two repeated hours the moment is. If it is the second one, it may
        # return times of the first one.
        for found in self._times(moment):
            if found > moment:
                return found
        raise UnusableCronError(
            "never comes: no day fits day of month, month and day of week",
            "days that exist, such as `0 0 28 2 *`",
        )

    def latest(self, *, first: datetime, until: datetime) -> datetime:
        """The last time that is not later than `until`. `first` is an earlier one.

        It searches backwards from `until`, because there may be half a million times in between. Near a
        change of clocks that is not exact, so it goes some steps forward at the end.
        """
        latest = max(first, min(until, next(self._times(until, backwards=True), first)))
        while (following := self.after(latest)) <= until:
            latest = following
        return latest

    @property
    def words(self) -> str:
        """The expression in English words, such as "At 09:00 on Monday through Friday"."""
        return CronSim(self.expression, _ANY_TIME).explain()

    def _times(self, start: datetime, *, backwards: bool = False) -> Iterator[datetime]:
        try:
            times = CronSim(self.expression, start.astimezone(self.zone), reverse=backwards)
        except CronSimError:  # no month has such a day, and cronsim says so at once
            return
        for found in times:
            yield found.astimezone(UTC)


def _five_fields(expression: str) -> str:
    """The expression with a nickname replaced, after each field was checked alone."""
    words = NICKNAMES.get(expression.strip().lower(), expression).split()
    if len(expression) > MAX_LENGTH or not _CHARACTERS.fullmatch(" ".join(words)):
        raise UnusableCronError("is no cron expression", FORM)
    if len(words) != len(FIELDS):
        raise UnusableCronError(f"has {len(words)} fields instead of {len(FIELDS)}", FORM)
    for position, (name, allowed) in enumerate(FIELDS.items()):
        alone = ["*"] * len(FIELDS)
        alone[position] = words[position]
        try:
            CronSim(" ".join(alone), _ANY_TIME)
        except CronSimError:
            raise UnusableCronError(
                f"has a wrong {name} (field {position + 1})", f"{name}: {allowed}"
            ) from None
    return " ".join(words)
