"""The plot of a run: memory of each worker over time."""

from pathlib import Path
from typing import Final

from tests.bench.report.plots import COLOURS, canvas, finish
from tests.soak.memory import Part
from tests.soak.result import RunResult
from tests.soak.verdict import MB

_MINUTE_S: Final = 60.0


def memory(file: Path, result: RunResult, *, title: str) -> Path:
    """Lines are memory under load, dots are memory at rest, with its parts below; marks are kills."""
    figure_, axes = canvas(title, "PSS, MB")
    for number, worker in enumerate(result.samples[0].memory):
        colour = COLOURS[number % len(COLOURS)]
        under_load = [(one.at_s / _MINUTE_S, one.memory[worker].total / MB) for one in result.samples]
        axes.plot(*zip(*under_load, strict=True), color=colour, linewidth=0.6, alpha=0.5)
        at_rest = [(one.at_s / _MINUTE_S, one.memory[worker].total / MB) for one in result.idle]
        if at_rest:
            axes.plot(
                *zip(*at_rest, strict=True), "o-", color=colour, markersize=4, label=f"{worker} at rest"
            )
    for part, style in zip(Part, (":", "--", "-.", "-"), strict=True):
        heights = [
            sum(one.parts[part] for one in moment.memory.values()) / len(moment.memory) / MB
            for moment in result.idle
        ]
        if heights:
            times = [moment.at_s / _MINUTE_S for moment in result.idle]
            axes.plot(times, heights, style, color="#999999", linewidth=1, label=f"{part}, a worker at rest")
    if result.kills:
        axes.plot(
            [kill.at_s / _MINUTE_S for kill in result.kills],
            [0] * len(result.kills),
            "|",
            color="#D55E00",
            markersize=12,
            label="a browser killed",
        )
    axes.set_ylim(bottom=0)
    axes.set_xlabel("minutes", fontsize=9)
    return finish(file, figure_, axes, None, legend_beside=True)
