"""CPU of a render with all blocking, against the same without: of ordinary pages, and of one full of ads."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

from deploy.embedded.engines.engine import clean_environment
from tests.bench.cases.case import Bench
from tests.bench.clients.product import find_chromium
from tests.bench.clients.responder import Responder, responder
from tests.bench.report.measure import Spread, figure, interleave
from tests.bench.report.report import Aim, Section, Table

_ALL: Final[dict[str, Any]] = {
    "block_ads": True,
    "block_trackers": True,
    "block_media": True,
    "block_requests": ["*.ads.site.test"],
}
# Each page, how it is called, and how much of its CPU is allowed.
_PAGES: Final = {
    "/long?n=30": ("text", 1.03),
    "/photo": ("photos", 1.03),
    "/dashboard": ("dashboard", 1.03),
    "/advertised": ("60 requests that are blocked", 0.8),
}
_METHOD: Final = (
    "One render with `block_ads`, `block_trackers`, `block_media` and a pattern in `block_requests`, and one "
    "without, in turn, over plain http. CPU of Python, driver and Chromium. *Added* is measured from the "
    "first command to the file, in pairs: the median and the middle half. *Whole* is a render without "
    "blocking, with making and closing its page, the mean of several in a row. The last page asks for 30 "
    "scripts at addresses of a list and 30 pictures at hosts of the pattern."
)
_WHOLE: Final = 20


@dataclass(frozen=True, slots=True)
class _Cost:
    """What blocking costs one page.

    Attributes:
        whole_ms: CPU of a whole render without blocking.
        added_ms: how much more a render with blocking takes.
    """

    whole_ms: float
    added_ms: Spread

    @property
    def ratio(self) -> float:
        """The CPU of a whole render with blocking, over that without."""
        return (self.whole_ms + self.added_ms.median) / self.whole_ms


async def run(bench: Bench) -> Section:
    """Measure, and make the section."""
    environment = clean_environment(HOME=str(bench.folder), TMPDIR=str(bench.folder))
    executable, log = str(find_chromium().executable), bench.folder / "renders.log"
    async with responder(
        "tests.bench.browsers.renders", executable, environment=environment, log=log
    ) as renderer:
        found = {path: await _cost(bench, renderer, path) for path in _PAGES}
    section = Section("Blocking: what it costs, and what it saves")
    section.aims = [_aim(path, cost) for path, cost in found.items()]
    section.parts = [_METHOD, _table(found)]
    return section


async def _cost(bench: Bench, renderer: Responder, path: str) -> _Cost:
    ways: dict[str, dict[str, Any]] = {"plain": {}, "blocked": _ALL}
    for options in ways.values():
        await renderer.ask(path=path, options=options)  # the first one loads the lists
    whole = await renderer.ask(path=path, options={}, in_a_row=bench.pick(_WHOLE, 2))
    # Two renders differ by 10 %, and the aims of ordinary pages are about 3 %.
    rounds = bench.pick(80, 3)
    shots = await interleave(
        {way: partial(renderer.ask, path=path, options=options) for way, options in ways.items()},
        rounds=rounds,
        tell=bench.teller(path, rounds),
    )
    pairs = zip(shots["blocked"], shots["plain"], strict=True)
    added = Spread.of_middle_half(blocked["cpu_ms"] - plain["cpu_ms"] for blocked, plain in pairs)
    return _Cost(whole["cpu_ms"], added)


def _aim(path: str, cost: _Cost) -> Aim:
    name, most = _PAGES[path]
    words = f"{name}: at most {most} x the CPU with all blocking"
    return Aim(words, f"{figure(cost.ratio)} x", cost.ratio <= most)


def _table(found: Mapping[str, _Cost]) -> Table:
    rows = [
        (_PAGES[path][0], figure(cost.whole_ms), str(cost.added_ms), figure(cost.ratio))
        for path, cost in found.items()
    ]
    return Table(("page", "whole, ms", "added, ms", "ratio"), rows)
