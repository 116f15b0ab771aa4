"""(n) What the egress proxy costs a page with 50 sub-resources, against the same page loaded straight."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from deploy.embedded.engines.engine import clean_environment
from tests.bench.cases.case import Bench
from tests.bench.clients.egress_site import HOST, RESOURCES
from tests.bench.clients.product import ProductError, find_chromium
from tests.bench.clients.responder import Responder, responder
from tests.bench.report.measure import (
    Spread,
    cpu_by_part,
    difference,
    figure,
    interleave,
    ratios,
    until_idle,
)
from tests.bench.report.report import Aim, Section, Table

DIRECT: Final = "straight"
PROXIED: Final = "through the proxy"
_SCHEMES: Final = ("https", "http")
_AIM_CPU: Final = 1.05
_AIM_WALL: Final = 1.15
_COUNT: Final = 10
_ROUNDS: Final = 10

_METHOD: Final = (
    f"One Chromium, a fresh context for each render, a page with {RESOURCES} sub-resources of one site "
    "(pictures, scripts, styles), load event, screenshot. The proxy runs in the process that drives "
    "Chromium, on the same event loop, as in a worker; each render opens a port, is admitted and closes it. "
    "CPU is that of this process and of all of Chromium's."
)
_WHY_HTTP: Final = (
    "https, which nearly all pages are, is one tunnel for each connection of Chromium's. Plain http is one "
    "connection for each request, on purpose: no two requests share one, so that there is nothing to "
    "smuggle. That costs Chromium a connection each time, too."
)
# A screenshot with fewer bytes is of a page without its pictures.
_LEAST_BYTES: Final = 10_000


@dataclass(frozen=True, slots=True)
class Block:
    """Some renders. All figures are per render.

    Attributes:
        wall_ms: median of the wall time.
        parts_ms: CPU by kind of program.
        connections: how many the proxy was asked for; 0 without it.
    """

    wall_ms: float
    parts_ms: dict[str, float]
    connections: int

    @property
    def cpu_ms(self) -> float:
        """Of everything."""
        return sum(self.parts_ms.values())


Blocks = Mapping[str, Sequence[Block]]


async def run(bench: Bench) -> Section:
    """Measure, and make the section."""
    environment = clean_environment(HOME=str(bench.folder), TMPDIR=str(bench.folder))
    site_words = ("tests.bench.clients.egress_site", str(bench.folder))
    browser_words = (
        "tests.bench.browsers.egress_browser",
        str(find_chromium().executable),
        str(bench.folder),
    )
    async with (
        responder(*site_words, environment=environment, log=bench.folder / "site.log") as site,
        responder(*browser_words, environment=environment, log=bench.folder / "browser.log") as browser,
    ):
        found = {
            scheme: await _compare(bench, browser, scheme, f"{scheme}://{HOST}:{site.ready[scheme]}/")
            for scheme in _SCHEMES
        }
    return _section(found, site.ready["size_bytes"])


async def _compare(bench: Bench, browser: Responder, scheme: str, url: str) -> Blocks:
    count = bench.pick(_COUNT, 2)

    def render(*, through_proxy: bool) -> Callable[[], Awaitable[Block]]:
        return lambda: _render(browser, url, count, through_proxy=through_proxy)

    contenders = {DIRECT: render(through_proxy=False), PROXIED: render(through_proxy=True)}
    for contender in contenders.values():
        await contender()  # the first render of a page costs more
    rounds = bench.pick(_ROUNDS, 2)
    return await interleave(contenders, rounds=rounds, tell=bench.teller(scheme, rounds))


async def _render(browser: Responder, url: str, count: int, *, through_proxy: bool) -> Block:
    before = cpu_by_part(browser.pid)
    answer = await browser.ask(url=url, count=count, through_proxy=through_proxy)
    await until_idle(browser.pid)
    spent = difference(before, cpu_by_part(browser.pid))
    if answer["size_bytes"] < _LEAST_BYTES:
        raise ProductError(f"{url} was not loaded: its picture has {answer['size_bytes']} bytes.")
    return Block(
        wall_ms=sorted(answer["walls_ms"])[count // 2],
        parts_ms={part: cpu / count * 1000 for part, cpu in spent.items()},
        connections=answer["connections"],
    )


def _section(found: Mapping[str, Blocks], size_bytes: int) -> Section:
    section = Section("Cost of the egress proxy: a page with 50 sub-resources")
    section.aims = [
        _aim(f"CPU of a page through the proxy at most {_AIM_CPU:g} x straight", _AIM_CPU, found, _cpu),
        _aim(
            f"wall time of a page through the proxy at most {_AIM_WALL:g} x straight", _AIM_WALL, found, _wall
        ),
    ]
    section.parts = [
        f"{_METHOD} {size_bytes / 1e6:.1f} MB in all.",
        "CPU and wall time per render, ms:",
        _comparison(found),
        "Where the CPU goes, ms per render (medians), and how many connections the proxy was asked for:",
        _breakdown(found),
        _WHY_HTTP,
    ]
    return section


def _cpu(block: Block) -> float:
    return block.cpu_ms


def _wall(block: Block) -> float:
    return block.wall_ms


def _ratio(blocks: Blocks, value: Callable[[Block], float]) -> Spread:
    return ratios([value(block) for block in blocks[PROXIED]], [value(block) for block in blocks[DIRECT]])


def _aim(words: str, limit: float, found: Mapping[str, Blocks], value: Callable[[Block], float]) -> Aim:
    medians = {scheme: _ratio(blocks, value).median for scheme, blocks in found.items()}
    measured = ", ".join(f"{scheme} {figure(median)} x" for scheme, median in medians.items())
    return Aim(words, measured, all(median <= limit for median in medians.values()))


def _comparison(found: Mapping[str, Blocks]) -> Table:
    rows = []
    for scheme, blocks in found.items():
        for name, value in (("CPU", _cpu), ("wall", _wall)):
            spreads = (Spread.of([value(block) for block in blocks[way]]) for way in (DIRECT, PROXIED))
            rows.append((f"{scheme}, {name}", *map(str, spreads), str(_ratio(blocks, value))))
    return Table(("page", DIRECT, PROXIED, "ratio"), rows)


def _breakdown(found: Mapping[str, Blocks]) -> Table:
    def median(blocks: Sequence[Block], part: str) -> str:
        return figure(Spread.of([block.parts_ms.get(part, 0.0) for block in blocks]).median)

    rows = [
        (f"{scheme}, {way}", median(there, "Chromium"), median(there, "Python"), str(there[-1].connections))
        for scheme, blocks in found.items()
        for way, there in blocks.items()
    ]
    return Table(("", "Chromium", "Python", "connections"), rows)
