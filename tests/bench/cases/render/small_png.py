"""Bytes and CPU of `optimize: size` and of AVIF, against the PNG that Chromium makes by default."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from deploy.embedded.engines.engine import clean_environment
from tests.bench.browsers.pictures import PAGES
from tests.bench.cases.case import Bench
from tests.bench.clients.product import find_chromium
from tests.bench.clients.responder import responder
from tests.bench.report.measure import Spread, figure, ratios
from tests.bench.report.report import Aim, Section, Table

Shots = Mapping[str, Sequence[Mapping[str, Any]]]  # by way, see tests/bench/browsers/pictures.py

_METHOD: Final = (
    "Pictures of 1280 x 720 pixels, taken in turn of the same page: as Chromium makes a PNG by default, and "
    "as `optimize: size` and `format: avif` do, which take Chromium's fast PNG and encode it anew: the first "
    "in a thread of the worker, or for gradients and photographs in a process that waits for the next "
    "picture; the second in a process of its own, forked by a helper that is kept. CPU of "
    "Python, these processes and Chromium for capture and encoding."
)


async def run(bench: Bench) -> Section:
    """Measure, and make the section."""
    environment = clean_environment(HOME=str(bench.folder), TMPDIR=str(bench.folder))
    executable = str(find_chromium().executable)
    log = bench.folder / "pictures.log"
    client = "tests.bench.browsers.pictures"
    found: dict[str, Shots] = {}
    async with responder(client, executable, environment=environment, log=log) as taker:
        for name in PAGES:
            bench.say(name)
            found[name] = await taker.ask(page=name, rounds=bench.pick(20, 2))
    section = Section("`optimize: size`, against Chromium's default PNG")
    section.aims = [_aim(found)]
    section.parts = [_METHOD, _table(found)]
    return section


def _cpu_ratio(shots: Shots) -> Spread:
    small, default = ([shot["cpu_ms"] for shot in shots[way]] for way in ("small", "default"))
    return ratios(small, default)


def _size_ratio(shots: Shots) -> float:
    small, default = (shots[way][-1]["size_bytes"] for way in ("small", "default"))
    return float(small / default)


def _aim(found: Mapping[str, Shots]) -> Aim:
    cpu = {name: _cpu_ratio(shots).median for name, shots in found.items()}
    is_met = all(cpu[name] < 1 and _size_ratio(shots) <= 1 for name, shots in found.items())
    words = ", ".join(f"{name} {figure(ratio)} x" for name, ratio in cpu.items())
    return Aim("`optimize: size`: at most the bytes of the default PNG, at less CPU", words, is_met)


def _table(found: Mapping[str, Shots]) -> Table:
    rows = [
        (
            name,
            *_cells(shots, "default"),
            *_cells(shots, "small"),
            str(_cpu_ratio(shots)),
            *_cells(shots, "avif"),
        )
        for name, shots in found.items()
    ]
    header = (
        "page",
        "default, KB",
        "CPU, ms",
        "`optimize: size`, KB",
        "CPU, ms",
        "CPU, ratio",
        "avif, KB",
        "CPU, ms",
    )
    return Table(header, rows)


def _cells(shots: Shots, way: str) -> tuple[str, str]:
    cpu_ms = Spread.of(shot["cpu_ms"] for shot in shots[way]).median
    return f"{shots[way][-1]['size_bytes'] / 1000:,.0f}", figure(cpu_ms)
