"""What `wait_until: auto` costs a page that is finished at its load event, where `load` would be enough."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from deploy.embedded.engines.engine import clean_environment
from tests.bench.cases.case import Bench
from tests.bench.clients.product import find_chromium
from tests.bench.clients.responder import Responder, responder
from tests.bench.report.measure import Spread, cpu_s, figure, interleave, until_idle
from tests.bench.report.report import Aim, Section, Table

_LOAD: Final = "load"
_AUTO: Final = "auto"
# Pages that are finished at their load event, and what `auto` may add to each, in ms; None: no aim.
_PAGES: Final[dict[str, tuple[str, float | None]]] = {
    "a page without scripts": ("/finished/static", 15.0),
    "a page with a script": ("/finished/scripted", 150.0),
    "charts in SVG and a canvas": ("/dashboard", 150.0),
    # Nobody can know at the load event that these do not change the page any more.
    "a page whose requests of statistics hang": ("/finished/statistics", None),
}
_MAX_CPU_SHARE: Final = 0.03
_ROUNDS: Final = 20

_METHOD: Final = (
    "Renders with `auto` and with `load` in turn, one at a time. Measured is what lies between the first "
    "command to the page and the picture: milliseconds, and CPU of Python, Playwright's driver and Chromium, "
    "which the kernel counts for each thread in nanoseconds. The share is what `auto` adds, divided by the "
    "CPU of a whole render with `load`: browser context, page, picture and their end. Medians of "
    f"{_ROUNDS} rounds; behind them stands where the middle half of the rounds lies."
)


@dataclass(frozen=True, slots=True)
class Shot:
    """One render, from the first command to its picture."""

    wall_ms: float
    cpu_ms: float


@dataclass(frozen=True, slots=True)
class Cost:
    """What was measured of one page.

    Attributes:
        whole_cpu_ms: of a whole render with `load`.
        shots: by wait.
    """

    whole_cpu_ms: float
    shots: Mapping[str, Sequence[Shot]]

    def added_ms(self) -> Spread:
        """Milliseconds that `auto` adds."""
        return Spread.of_middle_half(auto.wall_ms - load.wall_ms for auto, load in self._pairs())

    def added_cpu_ms(self) -> Spread:
        """CPU milliseconds that `auto` adds."""
        return Spread.of_middle_half(auto.cpu_ms - load.cpu_ms for auto, load in self._pairs())

    def share(self) -> float:
        """What `auto` adds to the CPU of a whole render."""
        return self.added_cpu_ms().median / self.whole_cpu_ms

    def _pairs(self) -> list[tuple[Shot, Shot]]:
        return list(zip(self.shots[_AUTO], self.shots[_LOAD], strict=True))


async def run(bench: Bench) -> Section:
    """Measure, and make the section."""
    environment = clean_environment(HOME=str(bench.folder), TMPDIR=str(bench.folder))
    executable = str(find_chromium().executable)
    log = bench.folder / "renders.log"
    client = "tests.bench.browsers.renders"
    async with responder(client, executable, environment=environment, log=log) as renderer:
        costs = {name: await _cost(bench, renderer, name, path) for name, (path, _) in _PAGES.items()}
    section = Section("What `wait_until: auto` costs a page that is finished at its load event")
    section.aims = _aims(costs)
    section.parts = [_METHOD, _table(costs)]
    return section


async def _cost(bench: Bench, renderer: Responder, name: str, path: str) -> Cost:
    def shot(wait: str) -> Callable[[], Awaitable[Shot]]:
        async def ask() -> Shot:
            answer = await renderer.ask(path=path, options={"wait_until": wait})
            return Shot(answer["wall_ms"], answer["cpu_ms"])

        return ask

    shots = {wait: shot(wait) for wait in (_LOAD, _AUTO)}
    for first in shots.values():
        await first()
    count = bench.pick(8, 1)
    await until_idle(renderer.pid)
    before = cpu_s(renderer.pid)
    for _ in range(count):
        await shots[_LOAD]()
    await until_idle(renderer.pid)
    whole_cpu_ms = (cpu_s(renderer.pid) - before) / count * 1000
    rounds = bench.pick(_ROUNDS, 1)
    return Cost(whole_cpu_ms, await interleave(shots, rounds=rounds, tell=bench.teller(name, rounds)))


def _aims(costs: Mapping[str, Cost]) -> list[Aim]:
    aims = []
    for name, cost in costs.items():
        limit_ms, added = _PAGES[name][1], cost.added_ms().median
        if limit_ms is None:
            continue
        is_met = added <= limit_ms and cost.share() <= _MAX_CPU_SHARE
        words = f"`auto` adds at most {limit_ms:g} ms and {_MAX_CPU_SHARE:.0%} of CPU to {name}"
        aims.append(Aim(words, f"{figure(added)} ms, {cost.share():.1%}", is_met))
    return aims


def _table(costs: Mapping[str, Cost]) -> Table:
    rows = [
        (
            name,
            figure(cost.whole_cpu_ms),
            str(cost.added_cpu_ms()),
            f"{cost.share():.1%}",
            str(cost.added_ms()),
        )
        for name, cost in costs.items()
    ]
    return Table(("page", "CPU of a render, ms", "CPU added, ms", "share", "time added, ms"), rows)
