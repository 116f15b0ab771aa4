"""Which wait catches which kind of page finished."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from deploy.embedded.engines.engine import clean_environment
from tests.bench.cases.case import Bench
from tests.bench.clients.product import find_chromium
from tests.bench.clients.responder import Responder, responder
from tests.bench.report.measure import Spread, interleave
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

_METHOD: Final = (
    "Each kind of page is rendered with each wait, and its picture is compared with one that was taken five "
    "seconds after its load event: *right* is a picture of which at most 0.1 % of the pixels differ. Left "
    "out is the part of a page that moves for ever. The number is the milliseconds that the wait took after "
    "the load event. *never* means that the wait did not end within six seconds. The pages are in "
    "`tests/site/finished`, one file for each kind, with the libraries as they are published."
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


async def run(bench: Bench) -> Section:
    """Measure, and make the section."""
    environment = clean_environment(HOME=str(bench.folder), TMPDIR=str(bench.folder))
    executable = str(find_chromium().executable)
    log = bench.folder / "readiness.log"
    client = "tests.bench.browsers.readiness"
    async with responder(client, executable, environment=environment, log=log) as judge:
        shots = {name: await _shots(bench, judge, name) for name in _names(bench)}
    section = Section("Readiness: which wait catches which page finished")
    section.aims = [_aim_right(shots)]
    section.parts = [_METHOD, _table(shots)]
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
