"""What the product did while one job was slow: the job's own times, and the lines of all logs meanwhile."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

# How the product (in JSON), Postgres and Valkey write the time of a line; the last one in the machine's zone.
_TIMES: Final = (
    (re.compile(r'"timestamp": "([\d-]+T[\d:.]+Z)"'), "%Y-%m-%dT%H:%M:%S.%fZ", UTC),
    (re.compile(r"^([\d-]+ [\d:.]+) UTC"), "%Y-%m-%d %H:%M:%S.%f", UTC),
    (re.compile(r"^\d+:[A-Z] (\d\d \w{3} \d{4} [\d:.]+)"), "%d %b %Y %H:%M:%S.%f", None),
)
# What happened just before may be the cause.
_BEFORE: Final = timedelta(seconds=1)
_SHOWN: Final = ("status", "attempt", "created_at", "started_at", "finished_at", "timings_ms", "warnings")
_MOST_LINES: Final = 60


@dataclass(frozen=True, slots=True)
class SlowJob:
    """A job that took long.

    Attributes:
        document: as the API gave it at the end.
        posted_at: when its POST began.
        took_s: from then until the caller had the answer.
    """

    document: dict[str, Any]
    posted_at: datetime
    took_s: float

    def story(self, folder: Path) -> str:
        """Its times, and what the logs (`*.log`) below a folder say from a second before it until its end."""
        until = self.posted_at + timedelta(seconds=self.took_s)
        facts = {name: self.document[name] for name in (*_SHOWN, "worker_id", "browser_generation")}
        head = f"took {self.took_s:.2f} s, posted at {self.posted_at.isoformat()}: {facts}"
        lines = sorted(_lines(folder, self.posted_at - _BEFORE, until))
        left_out = [f"  and {len(lines) - _MOST_LINES} more lines"] if len(lines) > _MOST_LINES else []
        return "\n".join([head, *(f"  {name}: {line}" for _, name, line in lines[:_MOST_LINES]), *left_out])


def _lines(folder: Path, first: datetime, last: datetime) -> Iterator[tuple[datetime, str, str]]:
    """Time, name of the log, and text of each line that has a time between the two."""
    for path in folder.rglob("*.log"):
        for line in path.read_text(errors="replace").splitlines():
            at = _time(line)
            if at is not None and first <= at <= last:
                yield at, path.stem, line


def _time(line: str) -> datetime | None:
    for pattern, form, zone in _TIMES:
        if found := pattern.search(line):
            return datetime.strptime(found[1], form).replace(tzinfo=zone).astimezone(UTC)
    return None
