"""The filters of the list of jobs, as somebody types them: the parameters of `GET /v1/jobs`, and more forms.

An empty field is no filter, since forms send every field. A whole address stands for its host. `since` and
`until` may be an age such as `24h`, so that a bookmark goes on showing the last day, or a time in UTC without
its zone.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, Self
from urllib.parse import urlencode, urlsplit

from pydantic import ValidationError

from api.routes.jobs.reading.filters import JobListParameters
from fleet.input.field_errors import field_errors_of
from fleet.jobs.listing import JobFilters

# In the order of the form.
NAMES: Final = (
    "status",
    "host",
    "error_type",
    "format",
    "external_id",
    "since",
    "until",
    "schedule_id",
    "quarantined",
)
# Those that the form shows only on demand.
_RARE: Final = frozenset({"until", "external_id", "schedule_id", "quarantined"})
_TIMES: Final = frozenset({"since", "until"})
_AGE: Final = re.compile(r"(\d{1,6}) ?(min|m|h|d|w)", re.ASCII)
_UNITS: Final = {
    "m": timedelta(minutes=1),
    "min": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_LONGEST_AGE: Final = timedelta(days=36_500)
_WORDS_OF_TIME: Final = "an age, such as 30m, 24h, 7d, or a time, such as 2026-01-31 12:00 (UTC)"
_MOST_CHARACTERS: Final = 500


@dataclass(frozen=True, slots=True)
class AskedFilters:
    """What somebody asked for.

    Attributes:
        given: what was typed, without empty fields; shown in the form again, and put into links.
        filters: which jobs are listed; those that are wrong are left out.
        errors: by field, what is wrong with it. If there is any, no list is shown: it would be another one.
    """

    given: Mapping[str, str]
    filters: JobFilters = field(default_factory=JobFilters)
    errors: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, sent: Mapping[str, str], *, now: datetime) -> Self:
        """Read the parameters of a page or of a form; those that are no filters are not looked at.

        Args:
            sent: the parameters.
            now: from when ages count.
        """
        given = {name: sent[name].strip()[:_MOST_CHARACTERS] for name in NAMES if sent.get(name, "").strip()}
        values = {name: _meant(name, value, now) for name, value in given.items()}
        errors = {
            name: f"must be {_WORDS_OF_TIME}" for name in _TIMES & values.keys() if values[name] is None
        }
        try:
            parameters = JobListParameters.model_validate(
                {name: value for name, value in values.items() if value is not None}
            )
        except ValidationError as error:
            for found in field_errors_of(error.errors(include_url=False), JobListParameters):
                errors.setdefault(found.field or "", _words_of(found.message, found.allowed))
            return cls(given, errors=errors)
        return cls(given, parameters.filters, errors)

    def __bool__(self) -> bool:
        """Whether any filter is set."""
        return bool(self.given)

    @property
    def has_rare(self) -> bool:
        """Whether one of the filters is set that the form shows only on demand."""
        return not _RARE.isdisjoint(self.given)

    def query(self, **more: object) -> str:
        """The parameters of a link to the same view.

        Args:
            more: set besides or instead; None takes one away.
        """
        merged: dict[str, object] = {**self.given, **more}
        return urlencode({name: value for name, value in merged.items() if value is not None})


def _meant(name: str, value: str, now: datetime) -> str | datetime | None:
    """What a value stands for. None: it is no time."""
    if name in _TIMES:
        return _time(value, now)
    if name == "host":
        return _host(value)
    if name in {"status", "error_type", "format"}:
        return value.lower()
    return value


def _host(value: str) -> str:
    """The host of an address; of `example.com:8080/path` too."""
    try:
        netloc = urlsplit(value if "//" in value else f"//{value}").netloc
    except ValueError:
        return value
    return re.sub(r":\d*$", "", netloc.rpartition("@")[2], flags=re.ASCII) or value


def _time(value: str, now: datetime) -> datetime | None:
    age = _AGE.fullmatch(value.lower().removesuffix(" ago"))
    if age is not None:
        return now - min(int(age[1]) * _UNITS[age[2]], _LONGEST_AGE)
    try:
        found = datetime.fromisoformat(value)
        return found if found.tzinfo is not None else found.replace(tzinfo=UTC)
    except ValueError:
        return None


def _words_of(message: str, allowed: str | None) -> str:
    return message if allowed is None or allowed in message else f"{message}; allowed: {allowed}"
