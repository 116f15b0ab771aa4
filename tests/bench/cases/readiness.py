"""Which wait catches which kind of page finished, and what `auto` costs a page that is finished."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from deploy.embedded.engines.engine import clean_environment
from tests.bench.cases.case import Bench
from tests.bench.clients.product import find_chromium
from tests.bench.clients.responder import Responder, responder
from tests.bench.report.measure import Spread, cpu_s, figure, interleave, ratios, until_idle
from tests.bench.report.report import Aim, Section, Table
from tests.site import finished

_LOAD: Final = "load"
_AUTO: Final = "auto"
_THEIR_LOAD: Final = "Playwright load"
# Each wait, and the one from which its milliseconds are counted.
WAITS: Final = {
    _LOAD: _LOAD,
    "networkidle": _LOAD,
    _AUTO: _LOAD,
    _THEIR_LOAD: _THEIR_LOAD,
    "Playwright networkidle": _THEIR_LOAD,
}
# Pages that are finished when they have loaded, and what `auto` may add to them, in ms.
_FINISHED: Final = {
    "a page without scripts": ("/finished/static", 15.0),
    "a page with a script": ("/finished/scripted", 150.0),
    "charts in SVG and a canvas": ("/dashboard", 150.0),
}
_MAX_CPU_RATIO: Final = 1.03
_COUNT: Final = 10

_METHOD: Final = (
    "Each kind of page is rendered with each wait, and its picture is compared with one that was taken five "
    "seconds after its load event: *right* is a picture of which at most 0.1 % of the pixels differ. Left "
    "out is the part of a page that moves for ever. The number is the milliseconds that the wait took after "
    "the load event. *never* means that the wait did not end within six seconds. The pages are in "
    "`tests/site/finished`, one file for each kind, with the libraries as they are published."
)
_COST: Final = (
    "What `auto` adds to pages that are finished when they have loaded, against `load`, in blocks of "
    f"{_COUNT} renders: milliseconds until the capture, of the fastest render of each block (what else runs "
    "on a machine only makes it slower), and CPU of Python, Playwright's driver and Chromium for a render."
)


@dataclass(frozen=True, slots=True)
class Shot:
    """One picture.

    Attributes:
        is_right: whether it shows the finished page.
        wall_ms: from the start of the navigation to the capture; None: the wait did not end.
    """

    is_right: bool
    wall_ms: float | None


Shots = Mapping[str, Sequence[Shot]]  # by wait


@dataclass(frozen=True, slots=True)
class Block:
    """Some renders of one page, per render."""

    wall_ms: float
    cpu_ms: float


async def run(bench: Bench) -> Section:
    """Measure, and make the section."""
    environment = clean_environment(HOME=str(bench.folder), TMPDIR=str(bench.folder))
    executable = str(find_chromium().executable)
    log = bench.folder / "readiness.log"
    client = "tests.bench.clients.readiness"
    async with responder(client, executable, environment=environment, log=log) as judge:
        costs = {name: await _cost(bench, judge, name, path) for name, (path, _) in _FINISHED.items()}
        shots = {name: await _shots(bench, judge, name) for name in _names(bench)}
    section = Section("Readiness: which wait catches which page finished")
    section.aims = [*_aims(costs), _aim_right(shots)]
    section.parts = [_METHOD, _table(shots), _COST, _cost_table(costs)]
    return section


def _names(bench: Bench) -> list[str]:
    return finished.NAMES[:3] if bench.is_quick else finished.NAMES


async def _shots(bench: Bench, judge: Responder, name: str) -> Shots:
    def shot(wait: str) -> Callable[[], Awaitable[Shot]]:
        async def ask() -> Shot:
            return Shot(**await judge.ask(path=f"/finished/{name}", wait=wait))

        return ask

    rounds = 1
    asked: dict[str, Any] = {wait: shot(wait) for wait in WAITS}
    return await interleave(asked, rounds=rounds, tell=bench.teller(name, rounds))


async def _cost(bench: Bench, judge: Responder, name: str, path: str) -> dict[str, list[Block]]:
    count = bench.pick(_COUNT, 2)

    def block(wait: str) -> Callable[[], Awaitable[Block]]:
        async def render() -> Block:
            before = cpu_s(judge.pid)
            answer = await judge.ask(path=path, wait=wait, count=count)
            await until_idle(judge.pid)
            return Block(answer["wall_ms"], (cpu_s(judge.pid) - before) / count * 1000)

        return render

    rounds = bench.pick(6, 1)
    blocks = {wait: block(wait) for wait in (_LOAD, _AUTO)}
    for first in blocks.values():
        await first()
    return await interleave(blocks, rounds=rounds, tell=bench.teller(name, rounds))


def _added(costs: Mapping[str, Sequence[Block]]) -> Spread:
    pairs = zip(costs[_AUTO], costs[_LOAD], strict=True)
    return Spread.of(auto.wall_ms - load.wall_ms for auto, load in pairs)


def _cpu_ratio(costs: Mapping[str, Sequence[Block]]) -> Spread:
    return ratios([one.cpu_ms for one in costs[_AUTO]], [one.cpu_ms for one in costs[_LOAD]])


def _aims(costs: Mapping[str, Mapping[str, Sequence[Block]]]) -> list[Aim]:
    aims = []
    for name, blocks in costs.items():
        limit_ms, added, ratio = _FINISHED[name][1], _added(blocks), _cpu_ratio(blocks)
        is_met = added.median <= limit_ms and ratio.median <= _MAX_CPU_RATIO
        words = f"`auto` adds at most {limit_ms:g} ms and 3 % of CPU to {name}"
        aims.append(Aim(words, f"{figure(added.median)} ms, {ratio.median:.1%} of CPU", is_met))
    return aims


def _aim_right(shots: Mapping[str, Shots]) -> Aim:
    right = sum(_is_right(waits[_AUTO]) for waits in shots.values())
    return Aim(
        "`auto` is right for all pages but one, which nobody can know",
        f"{right} of {len(shots)}",
        right >= len(shots) - 1,
    )


def _is_right(shots: Sequence[Shot]) -> bool:
    return all(shot.is_right for shot in shots)


def _table(shots: Mapping[str, Shots]) -> Table:
    rows = [(name, *(_cell(waits, wait) for wait in WAITS)) for name, waits in shots.items()]
    sums = (
        f"{sum(_is_right(waits[wait]) for waits in shots.values())} of {len(shots)} right" for wait in WAITS
    )
    return Table(("page", *WAITS), [*rows, ("**all**", *sums)])


def _cell(shots: Shots, wait: str) -> str:
    word = "right" if _is_right(shots[wait]) else "**wrong**"
    pairs = zip(shots[wait], shots[WAITS[wait]], strict=True)
    added_ms = [
        shot.wall_ms - base.wall_ms
        for shot, base in pairs
        if shot.wall_ms is not None and base.wall_ms is not None
    ]
    if not added_ms:
        return "**never**"
    return word if wait == WAITS[wait] else f"{word}, {max(0.0, Spread.of(added_ms).median):.0f}"


def _cost_table(costs: Mapping[str, Mapping[str, Sequence[Block]]]) -> Table:
    rows = [
        (
            name,
            *(figure(Spread.of(one.cpu_ms for one in blocks[wait]).median) for wait in (_LOAD, _AUTO)),
            str(_cpu_ratio(blocks)),
            str(_added(blocks)),
        )
        for name, blocks in costs.items()
    ]
    return Table(("page", "CPU with load, ms", "CPU with auto, ms", "ratio", "added, ms"), rows)
