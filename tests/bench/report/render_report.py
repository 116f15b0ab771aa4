"""The section of the case `render_cost`: compares CPU and time, and shows which processes use the CPU."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from tests.bench.cases.case import Bench
from tests.bench.clients.product import ProductError
from tests.bench.report.measure import Spread, figure, ratios
from tests.bench.report.plots import COLOURS, Layer, bars, stacks
from tests.bench.report.report import Aim, Plot, Section, Table

OURS: Final = "renderfleet"
RAW: Final = "raw DevTools"
PLAYWRIGHT: Final = "Playwright"
NAMES: Final = (RAW, OURS, PLAYWRIGHT)

CHROMIUM: Final = "Chromium"
DRIVER: Final = "Playwright driver"
PYTHON: Final = "Python"
API: Final = "API"
ENGINES: Final = ("Redis", "Postgres", "S3")
_PARTS: Final = (CHROMIUM, DRIVER, PYTHON, API)

_AIM_RATIO: Final = 1.25
# Both use the same encoder with the same settings: pictures may differ by a frame of an animation only.
_SAME_SIZE: Final = 0.02

_METHOD: Final = (
    "One browser each, a fresh context for each render, 1280 x 720, load event, one render at a time. "
    f"*{RAW}*: Chromium started by hand, driven over one websocket, each page opened ahead and closed behind "
    "its answer, `Page.captureScreenshot` with `optimizeForSpeed`: the same picture as ours, and the limit. "
    f"*{PLAYWRIGHT}*: its Python package as the manual shows it, `page.goto()` and "
    f"`page.screenshot()`. *{OURS}*: `POST /v1/jobs` with `Prefer: wait` "
    "to a real API process, through Redis and Postgres to a real worker, into S3."
)
_JUDGED: Final = (
    "**Judged is the CPU of the API process and of the worker's tree (Python, Playwright's driver, Chromium) "
    "together.** The engines stand beside, because a fleet shares them or rents them. The caller and the web "
    "site are counted for nobody."
)


@dataclass(frozen=True, slots=True)
class Block:
    """Some renders of one page by one contender. All figures are per render.

    Attributes:
        wall_ms: median of the wall time.
        cpu_ms: CPU of the contender's processes; of the service: of the API and the worker.
        parts_ms: the same by kind of program.
        engines_ms: CPU of Redis, Postgres and S3, by name. It is not part of `cpu_ms`.
        size_bytes: of the picture.
    """

    wall_ms: float
    cpu_ms: float
    parts_ms: dict[str, float]
    size_bytes: int
    engines_ms: dict[str, float] = field(default_factory=dict)


Blocks = Mapping[str, Sequence[Block]]  # by contender


def section_of(bench: Bench, idle_ms: Mapping[str, float], pages: Mapping[str, Blocks]) -> Section:
    """Make the section from the measurements of each page.

    Raises:
        ProductError: the service's pictures differ from those of raw DevTools.
    """
    _require_same_output(pages)
    section = Section("Cost of a render: the whole service against Playwright and Chromium itself")
    section.aims = _aims(pages)
    section.parts = [
        _METHOD,
        _JUDGED,
        "CPU per render, ms:",
        _comparison(pages, lambda block: block.cpu_ms),
        Plot(_cpu_plot(bench, pages), "CPU per render by page, and where it goes"),
        "Where it goes, ms of CPU per render (medians; the engines beside the sum):",
        _breakdown(pages),
        "Wall time from the call to the answer, ms:",
        _comparison(pages, lambda block: block.wall_ms),
        Plot(_wall_plot(bench, pages), "wall time per render by page"),
        _idle(idle_ms),
    ]
    return section


def _require_same_output(pages: Mapping[str, Blocks]) -> None:
    for page, blocks in pages.items():
        ours, raw = blocks[OURS][-1].size_bytes, blocks[RAW][-1].size_bytes
        if abs(ours - raw) > _SAME_SIZE * raw:
            raise ProductError(
                f"{page}: our picture has {ours:,} bytes, that of {RAW} {raw:,}: these are different things."
            )


def _ratio(blocks: Blocks, reference: str, value: Callable[[Block], float]) -> Spread:
    return ratios([value(block) for block in blocks[OURS]], [value(block) for block in blocks[reference]])


def _aims(pages: Mapping[str, Blocks]) -> list[Aim]:
    aims = []
    for words, reference, limit in (
        (f"CPU per render at most {_AIM_RATIO:g} x {RAW}, on every page", RAW, _AIM_RATIO),
        (f"CPU per render below {PLAYWRIGHT}'s `page.screenshot()`, on every page", PLAYWRIGHT, 1.0),
    ):
        found = {
            page: _ratio(blocks, reference, lambda block: block.cpu_ms) for page, blocks in pages.items()
        }
        measured = ", ".join(f"{page} {figure(ratio.median)} x" for page, ratio in found.items())
        aims.append(Aim(words, measured, all(ratio.median <= limit for ratio in found.values())))
    return aims


def _comparison(pages: Mapping[str, Blocks], value: Callable[[Block], float]) -> Table:
    rows = [
        (
            page,
            *(str(Spread.of([value(block) for block in blocks[name]])) for name in NAMES),
            str(_ratio(blocks, RAW, value)),
            str(_ratio(blocks, PLAYWRIGHT, value)),
        )
        for page, blocks in pages.items()
    ]
    return Table(("page", *NAMES, f"ours / {RAW}", f"ours / {PLAYWRIGHT}"), rows)


def _median(blocks: Sequence[Block], part: str) -> float:
    return Spread.of([{**block.parts_ms, **block.engines_ms}.get(part, 0.0) for block in blocks]).median


def _breakdown(pages: Mapping[str, Blocks]) -> Table:
    def row(page: str, name: str, blocks: Sequence[Block]) -> list[str]:
        cells = [figure(_median(blocks, part)) for part in (*_PARTS, *ENGINES)]
        size_kb = blocks[-1].size_bytes / 1000
        return [f"{page}: {name}", *cells[: len(_PARTS)], *cells[len(_PARTS) :], figure(size_kb)]

    rows = [row(page, name, blocks[name]) for page, blocks in pages.items() for name in NAMES]
    beside = (f"{engine} (beside)" for engine in ENGINES)
    return Table(("", *_PARTS, *beside, "picture, KB"), rows)


def _idle(idle_ms: Mapping[str, float]) -> str:
    found = ", ".join(f"{name} {figure(value)}" for name, value in idle_ms.items())
    return (
        f"Idle, ms of CPU a second: {found}. Not subtracted: each block contains the fraction of a second "
        "that it takes until its tree is quiet."
    )


def _cpu_plot(bench: Bench, pages: Mapping[str, Blocks]) -> Path:
    def layer(name: str, part: str, number: int) -> Layer:
        heights = [_median(blocks[name], part) for blocks in pages.values()]
        return Layer(part if part in (API, CHROMIUM, DRIVER) else PYTHON, heights, COLOURS[number])

    def engines() -> Layer:
        heights = [sum(_median(blocks[OURS], part) for part in ENGINES) for blocks in pages.values()]
        return Layer("engines, beside", heights, COLOURS[5], is_pale=True)

    order = ((CHROMIUM, 0), (DRIVER, 1), (PYTHON, 2), (API, 3))
    layers = {name: [layer(name, part, number) for part, number in order] for name in NAMES}
    layers[OURS].append(engines())
    return stacks(
        bench.plots / "render_cost.png",
        title=f"CPU per render: from the left {', '.join(NAMES)}",
        unit="ms",
        groups=list(pages),
        bars_of=layers,
    )


def _wall_plot(bench: Bench, pages: Mapping[str, Blocks]) -> Path:
    return bars(
        bench.plots / "render_wall.png",
        title="Wall time per render, from the call to the picture",
        unit="ms",
        groups=list(pages),
        series={
            name: [Spread.of([block.wall_ms for block in blocks[name]]) for blocks in pages.values()]
            for name in NAMES
        },
    )
