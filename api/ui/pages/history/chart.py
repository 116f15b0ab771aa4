"""What a chart shows: a table of figures over time, which the script draws."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from api.ui.layout.words import as_count, as_duration, as_size
from fleet.history.read import EndedJobs, FleetSample
from fleet.jobs.job import State

# More lines than these cannot be told apart.
_MOST_LINES: Final = 6


@dataclass(frozen=True, slots=True)
class ChartLine:
    """One line of a chart: a column of its table.

    Attributes:
        values: one for each step; None: nothing is known.
    """

    name: str
    values: Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart.

    Attributes:
        unit: of all its figures: `jobs`, `ms`, `s`, `bytes` or nothing.
        lines: with as many values as there are steps.
    """

    name: str
    title: str
    unit: str
    lines: Sequence[ChartLine]

    def words(self, place: int) -> list[tuple[float | None, str]]:
        """The figures of one step, each with its words: the cells of the table."""
        return [(line.values[place], _words(line.values[place], self.unit)) for line in self.lines]

    @property
    def is_empty(self) -> bool:
        """Whether nothing is known, or everything is zero."""
        return not any(value for line in self.lines for value in line.values)


def _words(value: float | None, unit: str) -> str:
    if value is None or unit == "s":
        return as_duration(value)
    if unit == "ms":
        return as_duration(value / 1000)
    return as_size(value) if unit == "bytes" else as_count(round(value, 1))


def charts_of_jobs(steps: Sequence[EndedJobs]) -> list[Chart]:
    """How many jobs ended, how long they took, and why some failed."""
    return [
        Chart(
            "ended",
            "Jobs that ended",
            "jobs",
            [
                ChartLine("succeeded", [step.states[State.SUCCEEDED] for step in steps]),
                ChartLine("failed", [step.states[State.FAILED] for step in steps]),
                ChartLine(
                    "cancelled or expired",
                    [step.states[State.CANCELLED] + step.states[State.EXPIRED] for step in steps],
                ),
            ],
        ),
        Chart(
            "took",
            "How long a render took",
            "ms",
            [
                ChartLine("half of them (p50)", [step.total_ms.p50 for step in steps]),
                ChartLine("95 % of them (p95)", [step.total_ms.p95 for step in steps]),
            ],
        ),
        Chart(
            "waited",
            "How long a job waited",
            "ms",
            [
                ChartLine("half of them (p50)", [step.queued_ms.p50 for step in steps]),
                ChartLine("95 % of them (p95)", [step.queued_ms.p95 for step in steps]),
            ],
        ),
        Chart("errors", "Failures by type", "jobs", _errors(steps)),
    ]


def _errors(steps: Sequence[EndedJobs]) -> list[ChartLine]:
    """The most frequent errors, and all others together."""
    totals: dict[str, int] = {}
    for step in steps:
        for name, count in step.errors.items():
            totals[name] = totals.get(name, 0) + count
    names = sorted(totals, key=lambda name: (-totals[name], name))
    shown = names if len(names) <= _MOST_LINES else names[: _MOST_LINES - 1]
    lines = [ChartLine(name, [step.errors.get(name, 0) for step in steps]) for name in shown]
    if rest := names[len(shown) :]:
        lines.append(ChartLine("others", [sum(step.errors.get(name, 0) for name in rest) for step in steps]))
    return lines


def charts_of_fleet(points: Sequence[datetime], samples: Sequence[FleetSample]) -> list[Chart]:
    """The backlog, the workers and their memory; steps in which no worker ran are gaps."""
    found = {sample.at: sample for sample in samples}

    def line(name: str, figure: Callable[[FleetSample], float]) -> ChartLine:
        return ChartLine(name, [figure(found[at]) if at in found else None for at in points])

    return [
        Chart(
            "backlog",
            "Backlog",
            "jobs",
            [
                line("queued, at most", lambda sample: sample.queued),
                line("running, on average", lambda sample: sample.running),
                line("slots", lambda sample: sample.slots),
            ],
        ),
        Chart(
            "oldest",
            "Age of the oldest queued job",
            "s",
            [line("at most", lambda sample: round(sample.oldest_queued_s, 1))],
        ),
        Chart("workers", "Workers", "", [line("at least", lambda sample: sample.workers)]),
        Chart("memory", "Memory of workers", "bytes", _memory(points, found, samples)),
    ]


def _memory(
    points: Sequence[datetime], found: dict[datetime, FleetSample], samples: Sequence[FleetSample]
) -> list[ChartLine]:
    """The workers with the most memory, each a line."""
    most: dict[UUID, int] = {}
    for sample in samples:
        for worker_id, count in sample.memory_bytes.items():
            most[worker_id] = max(count, most.get(worker_id, 0))
    largest = sorted(most, key=lambda worker_id: -most[worker_id])[:_MOST_LINES]
    return [
        ChartLine(
            str(worker_id)[-12:],
            [found[at].memory_bytes.get(worker_id) if at in found else None for at in points],
        )
        for worker_id in largest
    ]
