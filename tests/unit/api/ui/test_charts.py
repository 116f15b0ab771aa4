"""What the charts of the history show."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from api.ui.pages.history.chart import charts_of_fleet, charts_of_jobs
from fleet.history.read import EndedJobs, FleetSample, Percentiles
from fleet.jobs.job import State

NOW = datetime(2026, 1, 31, tzinfo=UTC)
NOTHING = Percentiles(None, None)


def ended(**errors: int) -> EndedJobs:
    states = {State.SUCCEEDED: 5, State.FAILED: sum(errors.values()), State.CANCELLED: 1, State.EXPIRED: 2}
    return EndedJobs(NOW, states, errors, total_ms=Percentiles(900.0, 2000.0), queued_ms=NOTHING)


def test_rare_errors_are_one_line() -> None:
    frequent = {name: 10 - number for number, name in enumerate("abcdefgh")}
    (*_, errors) = charts_of_jobs([ended(**frequent), ended(h=40)])
    assert [(line.name, list(line.values)) for line in errors.lines] == [
        ("h", [3, 40]),
        ("a", [10, 0]),
        ("b", [9, 0]),
        ("c", [8, 0]),
        ("d", [7, 0]),
        ("others", [15, 0]),
    ]


def test_a_chart_without_figures_is_empty() -> None:
    states, took, waited, errors = charts_of_jobs([ended()])
    assert [line.values for line in states.lines] == [[5], [0], [3]]
    assert not took.is_empty
    assert waited.is_empty
    assert errors.is_empty


def test_steps_without_a_worker_are_gaps_and_the_largest_workers_are_lines() -> None:
    moments = [NOW, NOW + timedelta(minutes=1)]
    memory = {UUID(int=number): number * 100 for number in range(1, 9)}
    sample = FleetSample(moments[1], 7, 3.21, 1.5, 2, 8, memory)
    backlog, oldest, workers, memory_chart = charts_of_fleet(moments, [sample])
    assert [list(line.values) for line in backlog.lines] == [[None, 7], [None, 1.5], [None, 8]]
    assert list(oldest.lines[0].values) == [None, 3.2]
    assert list(workers.lines[0].values) == [None, 2]
    assert [list(line.values)[1] for line in memory_chart.lines] == [800, 700, 600, 500, 400, 300]
