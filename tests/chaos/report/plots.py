"""The two plots of a report. matplotlib is loaded only when they are drawn."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from tests.bench.report.plots import COLOURS
from tests.chaos.report.recovery import Recovery
from tests.chaos.report.verdict import Verdict

TIMELINE: Final = "timeline.png"
RECOVERY: Final = "recovery.png"
_DPI: Final = 110
_BINS: Final = 40


def timeline(file: Path, verdict: Verdict) -> None:
    """Accepted and ended jobs, below them open jobs, and each fault as a mark in the row of its kind."""
    figure_, (counts, open_, faults) = _canvas(rows=3, heights=(2, 1.2, 2.4))
    began_at = verdict.began_at
    seconds = [one.at - began_at for one in verdict.samples]
    counts.plot(seconds, [one.accepted for one in verdict.samples], label="accepted", color=COLOURS[0])
    counts.plot(
        seconds, [one.ended for one in verdict.samples], label="ended", color=COLOURS[1], linestyle="--"
    )
    counts.set_ylabel("jobs", fontsize=8)
    open_.fill_between(seconds, [one.queued + one.running for one in verdict.samples], color=COLOURS[4])
    open_.set_ylabel("open", fontsize=8)
    kinds = sorted(verdict.faults, reverse=True)
    for one in verdict.fault_events:
        row = kinds.index(one.kind)
        lasted_s = (one.ended_at or one.began_at) - one.began_at
        faults.barh(row, max(lasted_s, seconds[-1] / 300), left=one.began_at - began_at, color=COLOURS[3])
    faults.set_yticks(range(len(kinds)), kinds)
    faults.set_xlabel("seconds", fontsize=8)
    counts.legend(fontsize=8, frameon=False)
    for axes in (counts, open_, faults):
        axes.set_xlim(0, seconds[-1])
    _save(file, figure_, (counts, open_, faults))


def recovery(file: Path, found: Sequence[Recovery]) -> None:
    """How long affected jobs took to recover: after faults of workers, of Redis, of Postgres and S3."""
    figure_, (axes,) = _canvas(rows=1, heights=(1,))
    series = {
        "a worker, its browser or its network": [
            one for one in found if one.kind.startswith(("worker", "browser"))
        ],
        "Redis": [one for one in found if one.kind.startswith(("Redis", "FLUSHALL"))],
        "Postgres or S3": [one for one in found if one.kind.startswith(("Postgres", "S3"))],
    }
    values = [[one.seconds for one in part if one.seconds is not None] for part in series.values()]
    axes.hist(values, bins=_BINS, stacked=True, label=list(series), color=COLOURS[: len(series)])
    axes.set_xlabel("seconds from the fault until the job ran again or ended", fontsize=8)
    axes.set_ylabel("jobs", fontsize=8)
    axes.legend(fontsize=8, frameon=False)
    _save(file, figure_, (axes,))


def _canvas(*, rows: int, heights: Sequence[float]) -> tuple[Any, Sequence[Any]]:
    from matplotlib.figure import Figure  # noqa: PLC0415 - see the module's first line

    figure_ = Figure(figsize=(9, 1.2 + 1.1 * sum(heights) if rows > 1 else 3.4), dpi=_DPI)
    axes = figure_.subplots(rows, 1, squeeze=False, gridspec_kw={"height_ratios": heights})
    return figure_, [row[0] for row in axes]


def _save(file: Path, figure_: Any, all_axes: Sequence[Any]) -> None:
    for axes in all_axes:
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=7)
    figure_.tight_layout()
    figure_.savefig(file, metadata={"Software": ""})
