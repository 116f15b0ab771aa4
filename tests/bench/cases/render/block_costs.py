"""CPU of a render with all blocking, against the same without: of ordinary pages, and of one full of ads."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from deploy.embedded.engines.engine import clean_environment
from tests.bench.cases.case import Bench
from tests.bench.clients.product import find_chromium
from tests.bench.clients.responder import Responder, responder
from tests.bench.report.measure import Spread, interleave, ratios
from tests.bench.report.report import Aim, Section, Table

Shot = dict[str, float]

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
    "without, in turn, over plain http. CPU of Python, driver and Chromium for a whole render, with making "
    "and closing its page. The last page asks for 30 scripts at addresses of a list and 30 pictures at hosts "
    "of the pattern."
)


async def run(bench: Bench) -> Section:
    """Measure, and make the section."""
    environment = clean_environment(HOME=str(bench.folder), TMPDIR=str(bench.folder))
    executable, log = str(find_chromium().executable), bench.folder / "renders.log"
    found: dict[str, Mapping[str, Sequence[Shot]]] = {}
    async with responder(
        "tests.bench.browsers.renders", executable, environment=environment, log=log
    ) as renderer:
        for path in _PAGES:
            contenders = {"plain": _shot(renderer, path, {}), "blocked": _shot(renderer, path, _ALL)}
            for shoot in contenders.values():
                await shoot()  # the first one loads the lists
            # Two renders differ by 10 %, and the aims of ordinary pages are about 3 %.
            rounds = bench.pick(100, 3)
            found[path] = await interleave(contenders, rounds=rounds, tell=bench.teller(path, rounds))
    section = Section("Blocking: what it costs, and what it saves")
    section.aims = [_aim(path, shots) for path, shots in found.items()]
    section.parts = [_METHOD, _table(found)]
    return section


def _shot(renderer: Responder, path: str, options: Mapping[str, Any]) -> Callable[[], Awaitable[Shot]]:
    async def render() -> Shot:
        return await renderer.ask(path=path, options=dict(options), is_whole=True)

    return render


def _ratio(shots: Mapping[str, Sequence[Shot]]) -> Spread:
    blocked, plain = ([one["cpu_ms"] for one in shots[way]] for way in ("blocked", "plain"))
    return ratios(blocked, plain)


def _aim(path: str, shots: Mapping[str, Sequence[Shot]]) -> Aim:
    name, most = _PAGES[path]
    ratio = _ratio(shots)
    return Aim(f"{name}: at most {most} x the CPU with all blocking", f"{ratio} x", ratio.median <= most)


def _table(found: Mapping[str, Mapping[str, Sequence[Shot]]]) -> Table:
    rows = [
        (
            _PAGES[path][0],
            str(Spread.of(one["cpu_ms"] for one in shots["plain"])),
            str(Spread.of(one["cpu_ms"] for one in shots["blocked"])),
            str(_ratio(shots)),
        )
        for path, shots in found.items()
    ]
    return Table(("page", "CPU without, ms", "CPU with, ms", "ratio"), rows)
