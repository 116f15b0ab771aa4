"""Small plots: bars with their spread. matplotlib is loaded only when plots are drawn, after measuring."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.bench.report.measure import Spread, figure

# Colours that differ also in grey and for colour-blind people (Okabe and Ito's palette).
COLOURS: Final = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#999999")
_DPI: Final = 110


@dataclass(frozen=True, slots=True)
class Layer:
    """One part of stacked bars: a height for each group."""

    label: str
    heights: Sequence[float]
    colour: str
    is_pale: bool = False


def bars(
    file: Path,
    *,
    title: str,
    unit: str,
    groups: Sequence[str],
    series: Mapping[str, Sequence[Spread]],
    aim: float | None = None,
) -> Path:
    """Groups of bars side by side, each with a line from its lowest to its highest round."""
    figure_, axes = canvas(title, unit)
    width = 0.8 / len(series)
    for number, (label, spreads) in enumerate(series.items()):
        places = [group + (number - (len(series) - 1) / 2) * width for group in range(len(groups))]
        medians = [spread.median for spread in spreads]
        around = [
            [spread.median - spread.low for spread in spreads],
            [spread.high - spread.median for spread in spreads],
        ]
        drawn = axes.bar(
            places, medians, width * 0.92, yerr=around, label=label, color=COLOURS[number], capsize=3
        )
        axes.bar_label(drawn, [figure(value) for value in medians], fontsize=7, padding=2)
    if aim is not None:
        axes.axhline(aim, color="#D55E00", linewidth=1, linestyle="--", label=f"aim: {figure(aim)}")
    return finish(file, figure_, axes, groups)


def stacks(
    file: Path,
    *,
    title: str,
    unit: str,
    groups: Sequence[str],
    bars_of: Mapping[str, Sequence[Layer]],
) -> Path:
    """Groups of stacked bars; above each is the total of its parts, without the pale ones."""
    figure_, axes = canvas(title, unit)
    width = 0.8 / len(bars_of)
    seen: set[str] = set()
    for number, layers in enumerate(bars_of.values()):
        places = [group + (number - (len(bars_of) - 1) / 2) * width for group in range(len(groups))]
        bottom = [0.0] * len(groups)
        counted = [0.0] * len(groups)
        for layer in layers:
            axes.bar(
                places,
                layer.heights,
                width * 0.92,
                bottom=bottom,
                color=layer.colour,
                alpha=0.35 if layer.is_pale else 1.0,
                label=None if layer.label in seen else layer.label,
            )
            seen.add(layer.label)
            bottom = [base + height for base, height in zip(bottom, layer.heights, strict=True)]
            counted = counted if layer.is_pale else list(bottom)
        for place, top, total in zip(places, bottom, counted, strict=True):
            axes.annotate(figure(total), (place, top), ha="center", va="bottom", fontsize=7)
    return finish(file, figure_, axes, groups, legend_beside=True)


def distribution(file: Path, *, title: str, unit: str, series: Mapping[str, Sequence[float]]) -> Path:
    """The cumulative distribution: which percentage of the values is below each value."""
    figure_, axes = canvas(title, "% of all")
    for number, (label, values) in enumerate(series.items()):
        known = sorted(values)
        axes.step(
            known,
            [100 * (place + 1) / len(known) for place in range(len(known))],
            label=label,
            color=COLOURS[number],
        )
    axes.set_xlabel(unit)
    axes.set_xlim(left=0)
    return finish(file, figure_, axes, None)


def canvas(title: str, unit: str) -> tuple[Any, Any]:
    """A figure and its axes, with a title and a unit for the vertical axis."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - see the module's first line

    figure_ = Figure(figsize=(8, 3.6), dpi=_DPI)
    axes = figure_.subplots()
    axes.set_title(title, fontsize=10)
    axes.set_ylabel(unit, fontsize=9)
    axes.spines[["top", "right"]].set_visible(False)
    axes.tick_params(labelsize=8)
    axes.margins(y=0.12)
    return figure_, axes


def finish(
    file: Path, figure_: Any, axes: Any, groups: Sequence[str] | None, *, legend_beside: bool = False
) -> Path:
    """Add a legend, and labels below the groups of bars if there are any; write the file.

    Args:
        file: for the plot.
        figure_: from `canvas`.
        axes: from `canvas`.
        groups: the labels.
        legend_beside: put the legend beside the plot, where it covers no lines.
    """
    if groups is not None:
        axes.set_xticks(range(len(groups)), groups)
    place = {"loc": "upper left", "bbox_to_anchor": (1, 1)} if legend_beside else {}
    axes.legend(fontsize=8, frameon=False, **place)
    figure_.tight_layout()
    file.parent.mkdir(parents=True, exist_ok=True)
    figure_.savefig(file, metadata={"Software": ""})
    return file
