"""Reads figures over time, added up in steps of a minute or more. All SQL that reads them."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from fleet.database import Database
from fleet.duration_buckets import percentile_ms
from fleet.jobs.job import State

_COUNTED_UNTIL: Final = "SELECT counted_until FROM history_progress"
_SUMMED_UNTIL: Final = "SELECT summed_until FROM history_progress"
_CHOSEN: Final = """
    SELECT date_bin($4, minute, $2) AS at, state, error_type, jobs, total, queued FROM history_minutes
    WHERE tenant_id {which} AND minute >= $5 AND minute < $3
    UNION ALL
    SELECT date_bin($4, minute, $2), state, error_type, jobs, total, queued FROM history_hours
    WHERE tenant_id {which} AND minute >= $2 AND minute < $5
"""
_COUNTS: Final = """
    SELECT at, state, error_type, sum(jobs)::bigint AS jobs FROM ({chosen}) AS chosen GROUP BY 1, 2, 3
"""
# How long an attempt took is told only of jobs that succeeded: those that failed took as long as a limit.
_BUCKETS: Final = """
    SELECT at, 'total' AS of, key::integer AS bucket, sum(value::bigint)::bigint AS jobs
    FROM ({chosen}) AS chosen, jsonb_each_text(total) WHERE state = 'succeeded' GROUP BY 1, 3
    UNION ALL
    SELECT at, 'queued', key::integer, sum(value::bigint)::bigint
    FROM ({chosen}) AS chosen, jsonb_each_text(queued) GROUP BY 1, 3
"""
_SAMPLES: Final = """
    SELECT date_bin($3, minute, $1) AS at, max(queued) AS queued, max(oldest_queued_s) AS oldest_queued_s,
           avg(running)::double precision AS running, min(workers) AS workers, min(slots) AS slots
    FROM history_fleet WHERE minute >= $1 AND minute < $2 GROUP BY 1 ORDER BY 1
"""
_MEMORY: Final = """
    SELECT date_bin($3, minute, $1) AS at, key::uuid AS worker_id, max(value::bigint) AS bytes
    FROM history_fleet, jsonb_each_text(memory_bytes)
    WHERE minute >= $1 AND minute < $2 AND extract(minute FROM minute)::integer % $4 = 0 GROUP BY 1, 2
"""
_MINUTE: Final = timedelta(minutes=1)
_HOUR: Final = timedelta(hours=1)
_LONGEST_OF_MINUTES: Final = timedelta(minutes=15)
# With steps of hours, so many minutes lie between the looks at the memory of workers that are read.
_MEMORY_EVERY: Final = 15


_ENDS: Final = tuple(state for state in State if state.is_terminal)


@dataclass(frozen=True, slots=True)
class Percentiles:
    """How long jobs took, in milliseconds; None: there were no jobs. Each is at most 9.1 % wrong."""

    p50: float | None
    p95: float | None

    @classmethod
    def of(cls, buckets: Mapping[int, int]) -> "Percentiles":
        """Those of the jobs in these buckets."""
        return cls(percentile_ms(buckets, 0.5), percentile_ms(buckets, 0.95))


@dataclass(frozen=True, slots=True)
class EndedJobs:
    """The jobs that ended within one step.

    Attributes:
        at: when the step begins.
        states: how many ended in each state; all states that an end can have are there.
        errors: how many failed with each error.
        total_ms: how long the last attempts of those that succeeded took.
        queued_ms: how long those of which an attempt began waited for the last one, from their acceptance.
    """

    at: datetime
    states: Mapping[State, int]
    errors: Mapping[str, int]
    total_ms: Percentiles
    queued_ms: Percentiles


@dataclass(frozen=True, slots=True)
class FleetSample:
    """The state of the fleet within one step, of one look a minute.

    Attributes:
        at: when the step begins.
        queued: the most queued jobs.
        oldest_queued_s: the greatest age of the oldest queued job, in seconds.
        running: running jobs, on average.
        workers: the fewest workers.
        slots: the fewest slots of all workers.
        memory_bytes: the most memory of each worker.
    """

    at: datetime
    queued: int
    oldest_queued_s: float
    running: float
    workers: int
    slots: int
    memory_bytes: Mapping[UUID, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Period:
    """Which minutes are read.

    Attributes:
        start: a whole minute; a whole hour if the step is whole hours.
        until: a whole minute; it is not read itself.
        step: a number of whole minutes, counted from `start`.
    """

    start: datetime
    until: datetime
    step: timedelta

    @classmethod
    def of(cls, start: datetime, until: datetime, *, step: timedelta | None = None, points: int) -> "Period":
        """These minutes, in the step that is given, or in the smallest one with at most so many points.

        A step of more than a quarter of an hour becomes whole hours, which are read much faster. With whole
        hours, `start` moves back to a whole hour.
        """
        if step is None:
            step = max(_MINUTE, -(-(until - start) // points // _MINUTE) * _MINUTE)
            step = step if step <= _LONGEST_OF_MINUTES else -(-step // _HOUR) * _HOUR
        return cls(start if step % _HOUR else _hour_of(start), until, step)

    @property
    def is_by_hours(self) -> bool:
        """Whether it can be read by the hour."""
        return not self.step % _HOUR and self.start == _hour_of(self.start)

    @property
    def points(self) -> list[datetime]:
        """When each step begins."""
        count = -(-(self.until - self.start) // self.step)
        return [self.start + number * self.step for number in range(count)]


async def counted_until(database: Database) -> datetime:
    """Jobs that ended before this time are counted; it is one or two minutes ago while workers run."""
    found: datetime = await database.fetchval(_COUNTED_UNTIL)
    return found


async def ended_counts(
    database: Database, period: Period, *, tenant_id: UUID | None
) -> dict[datetime, dict[State, int]]:
    """How many jobs ended in each state, by step; steps in which none ended are left out.

    Args:
        database: connections to Postgres.
        period: which minutes.
        tenant_id: whose; None: all tenants'.
    """
    counts: dict[datetime, dict[State, int]] = defaultdict(lambda: dict.fromkeys(_ENDS, 0))
    arguments = await _arguments(database, tenant_id, period)
    for row in await database.fetch(_COUNTS.format(chosen=_chosen(tenant_id)), *arguments):
        counts[row["at"]][State(row["state"])] += row["jobs"]
    return counts


async def _by_minutes_from(database: Database, period: Period) -> datetime:
    """From when on its minutes are read; before, its hours, which are 60 times fewer."""
    if not period.is_by_hours:
        return period.start
    summed: datetime = await database.fetchval(_SUMMED_UNTIL)
    return max(period.start, min(summed, _hour_of(period.until)))


def _hour_of(moment: datetime) -> datetime:
    return moment.replace(minute=0, second=0, microsecond=0)


async def ended_jobs(database: Database, period: Period, *, tenant_id: UUID | None) -> list[EndedJobs]:
    """The jobs of a tenant, or of all tenants together, that ended within each step; no step is left out.

    Args:
        database: connections to Postgres.
        period: which minutes.
        tenant_id: whose; None: all tenants'.
    """
    chosen, arguments = _chosen(tenant_id), await _arguments(database, tenant_id, period)
    states: dict[datetime, dict[State, int]] = defaultdict(lambda: dict.fromkeys(_ENDS, 0))
    errors: dict[datetime, dict[str, int]] = defaultdict(dict)
    for row in await database.fetch(_COUNTS.format(chosen=chosen), *arguments):
        states[row["at"]][State(row["state"])] += row["jobs"]
        if row["error_type"]:
            errors[row["at"]][row["error_type"]] = row["jobs"]
    buckets: dict[tuple[datetime, str], dict[int, int]] = defaultdict(dict)
    for row in await database.fetch(_BUCKETS.format(chosen=chosen), *arguments):
        buckets[row["at"], row["of"]][row["bucket"]] = row["jobs"]
    return [
        EndedJobs(
            at,
            states[at],
            errors[at],
            total_ms=Percentiles.of(buckets[at, "total"]),
            queued_ms=Percentiles.of(buckets[at, "queued"]),
        )
        for at in period.points
    ]


def _chosen(tenant_id: UUID | None) -> str:
    # IS NOT DISTINCT FROM $1 would use no index.
    return _CHOSEN.format(which="IS NULL AND $1::uuid IS NULL" if tenant_id is None else "= $1")


async def _arguments(database: Database, tenant_id: UUID | None, period: Period) -> tuple[object, ...]:
    by_minutes_from = await _by_minutes_from(database, period)
    return tenant_id, period.start, period.until, period.step, by_minutes_from


async def fleet_samples(database: Database, period: Period, *, with_memory: bool = True) -> list[FleetSample]:
    """The state of the fleet within each step. Steps in which no worker ran are left out.

    Args:
        database: connections to Postgres.
        period: which minutes.
        with_memory: whether `memory_bytes` is wanted.
    """
    arguments = (period.start, period.until, period.step)
    memory: dict[datetime, dict[UUID, int]] = defaultdict(dict)
    if with_memory:
        every = _MEMORY_EVERY if arguments[2] >= _HOUR else 1
        for row in await database.fetch(_MEMORY, *arguments, every):
            memory[row["at"]][row["worker_id"]] = row["bytes"]
    rows = await database.fetch(_SAMPLES, *arguments)
    return [
        FleetSample(**row, memory_bytes=memory[row["at"]]) for row in sorted(rows, key=lambda row: row["at"])
    ]
