"""What `block_cookie_banners` and `block_popups` cost, with nothing to take away and with something."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from deploy.embedded.engines.engine import clean_environment
from tests.bench.cases.case import Bench
from tests.bench.clients.product import find_chromium
from tests.bench.clients.responder import Responder, responder
from tests.bench.report.measure import Spread, figure, interleave
from tests.bench.report.report import Aim, Section, Table

Options = dict[str, Any]

_BANNERS: Final[Options] = {"block_cookie_banners": True}
_POPUPS: Final[Options] = {"block_popups": True}
_WITHOUT: Final = "a page of text, without a banner"
# By what stands in the table: the page, and what is asked of it.
_PAGES: Final[dict[str, tuple[str, Options]]] = {
    _WITHOUT: ("/long?n=30", _BANNERS),
    "a page of charts, without a banner": ("/dashboard", _BANNERS),
    "OneTrust, refused by a button": ("/banner?name=onetrust", _BANNERS),
    "Didomi, refused by its function": ("/banner?name=didomi-variable", _BANNERS),
    "Sourcepoint, refused in its frame": ("/banner?name=sourcepoint", _BANNERS),
    "home-made, refused by a button": ("/banner?name=home-made", _BANNERS),
    "home-made, hidden": ("/banner?name=notice", _BANNERS),
    "OneTrust whose refusal does nothing": ("/banner?name=broken-onetrust", _BANNERS),
    "a page of text, without a popup": ("/long?n=30", _POPUPS),
    "a newsletter and a chat bubble": ("/dialog?names=newsletter,chat%20bubble", _POPUPS),
}
_MAX_WITHOUT_MS: Final = 40.0
_ROUNDS: Final = 7
_METHOD: Final = (
    "Renders with the option and without it in turn, one at a time, as PNG. Measured is what lies between "
    "the first command to the page and the file: milliseconds, and CPU of Python, Playwright's driver and "
    "Chromium. The difference is taken in each round. The banners are imitations, which load nothing: a "
    "platform's own scripts come on top, with the option and without it."
)


@dataclass(frozen=True, slots=True)
class Shot:
    """One render, from the first command to the file."""

    cpu_ms: float
    wall_ms: float


@dataclass(frozen=True, slots=True)
class Pairs:
    """Renders of one page with the option and without it, in the same rounds."""

    on: Sequence[Shot]
    off: Sequence[Shot]

    def added_ms(self) -> Spread:
        """Milliseconds that the option adds."""
        return Spread.of(on.wall_ms - off.wall_ms for on, off in zip(self.on, self.off, strict=True))

    def added_cpu_ms(self) -> Spread:
        """CPU milliseconds that the option adds."""
        return Spread.of(on.cpu_ms - off.cpu_ms for on, off in zip(self.on, self.off, strict=True))


async def run(bench: Bench) -> Section:
    """Measure, and make the section."""
    environment = clean_environment(HOME=str(bench.folder), TMPDIR=str(bench.folder))
    executable = str(find_chromium().executable)
    log = bench.folder / "renders.log"
    client = "tests.bench.browsers.renders"
    async with responder(client, executable, environment=environment, log=log) as renderer:
        found = {name: await _pairs(bench, renderer, name) for name in _PAGES}
    section = Section("Banners and popups: what it costs to take them away")
    section.aims = [_aim(found[_WITHOUT])]
    section.parts = [_METHOD, _table(found)]
    return section


async def _pairs(bench: Bench, renderer: Responder, name: str) -> Pairs:
    path, options = _PAGES[name]

    def shot(asked: Options) -> Callable[[], Awaitable[Shot]]:
        async def render() -> Shot:
            answer = await renderer.ask(path=path, options=asked)
            return Shot(answer["cpu_ms"], answer["wall_ms"])

        return render

    contenders = {"on": shot(options), "off": shot({})}
    for first in contenders.values():  # rules and programs are read when they are first needed
        await first()
    rounds = bench.pick(_ROUNDS, 2)
    shots = await interleave(contenders, rounds=rounds, tell=bench.teller(name, rounds))
    return Pairs(shots["on"], shots["off"])


def _aim(without: Pairs) -> Aim:
    added = without.added_ms().median
    words = f"`block_cookie_banners` adds at most {_MAX_WITHOUT_MS:g} ms to {_WITHOUT}"
    return Aim(words, f"{figure(added)} ms", added <= _MAX_WITHOUT_MS)


def _table(found: Mapping[str, Pairs]) -> Table:
    rows = [(name, str(pairs.added_cpu_ms()), str(pairs.added_ms())) for name, pairs in found.items()]
    return Table(("page", "CPU added, ms", "time added, ms"), rows)
