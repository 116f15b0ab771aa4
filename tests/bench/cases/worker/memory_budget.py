"""(m) The memory of a worker by kind of process: idle, at work, and while it uploads 300 MB."""

import asyncio
import statistics
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from typing import Final

from deploy.embedded.engines.engine import clean_environment
from deploy.embedded.engines.ports import LOOPBACK
from tests.bench.cases.case import Bench
from tests.bench.clients.mixed import WORDS, render, render_mixed
from tests.bench.clients.product import Api, Product, ProductError
from tests.bench.clients.responder import responder
from tests.bench.report.measure import Spread, figure
from tests.bench.report.plots import COLOURS, Layer, stacks
from tests.bench.report.report import Plot, Section, Table
from tests.soak.memory import Memory, Part, memory_of

_MIB: Final = 2**20
_SLOTS: Final = 4
_IN_FLIGHT: Final = (1, 2, 4)
_LOOK_S: Final = 0.15
_SETTLE_S: Final = 3.0
_IDLE_S: Final = 2.0

_UPLOAD_BYTES: Final = 300_000_000
_UPLOAD: Final = "uploading 300 MB"
_IDLE: Final = "idle"
# A PDF contains the files of its pictures unchanged: a hundred files of 3 MB make the artifact.
_PICTURES: Final = 100
_PICTURE_BYTES: Final = _UPLOAD_BYTES // _PICTURES

Moments = list[tuple[float, Memory]]  # by the wall clock


async def run(bench: Bench) -> Section:
    """Measure, and make the section."""
    rounds = bench.pick(5, 1)
    states: dict[str, list[list[Memory]]] = {}
    async with AsyncExitStack() as stack:
        environment = clean_environment(HOME=str(bench.folder), TMPDIR=str(bench.folder))
        log = bench.folder / "site.log"
        site = await stack.enter_async_context(
            responder("tests.bench.clients.serve", environment=environment, log=log)
        )
        address = f"http://{LOOPBACK}:{site.ready['port']}"
        product = Product.start(
            bench.folder,
            egress_allow=f"{LOOPBACK}:{site.ready['port']}",
            browser_max_pages=str(_SLOTS),
            render_memory_limit_mb="4096",  # the renderer has the whole large document in memory
        )
        ready = await stack.enter_context(product).migrated()
        api = stack.enter_context(ready.api())
        await ready.api_ready(api)
        for number in range(1, rounds + 1):
            bench.say(f"round {number} of {rounds}")
            for state, memory in (await _run_worker(bench, ready, api, address)).items():
                states.setdefault(state, []).append(memory)
    return _section(bench, states)


async def _run_worker(bench: Bench, product: Product, api: Api, address: str) -> dict[str, list[Memory]]:
    """Start a worker, measure it in all states, and stop it. Returns the measurements by state."""
    states = {}
    with product.worker() as child:
        await product.worker_ready(child)
        await asyncio.sleep(_SETTLE_S)
        async with _watched(child.pid) as moments:
            await asyncio.sleep(_IDLE_S)
        states[_IDLE] = _memories(moments)
        for in_flight in _IN_FLIGHT:
            async with _watched(child.pid) as moments:
                mixed = await render_mixed(api, address, count=bench.pick(40, 10), in_flight=in_flight)
            if mixed.failed:
                raise ProductError(f"A render did not succeed: {mixed.failed[0]}")
            states[f"{in_flight} in flight"] = _memories(moments)
        async with _watched(child.pid) as moments:
            began, ended = await _upload(api, address)
        states[_UPLOAD] = _memories([moment for moment in moments if began <= moment[0] <= ended])
    return states


async def _upload(api: Api, address: str) -> tuple[float, float]:
    """Render a document of 300 MB; when its upload began and ended, by the wall clock."""
    url = f"{address}/gallery?n={_PICTURES}&bytes={_PICTURE_BYTES}"
    job = await render(api, {"url": url, "format": "pdf"})
    if job["status"] != "succeeded" or job["artifact"]["size_bytes"] < _UPLOAD_BYTES:
        raise ProductError(f"The large document did not become one of {_UPLOAD_BYTES:,} bytes: {job}")
    ended = datetime.fromisoformat(job["finished_at"]).timestamp()
    return ended - job["timings_ms"]["upload"] / 1000, ended


@asynccontextmanager
async def _watched(pid: int) -> AsyncIterator[Moments]:
    """Measure a worker's memory several times a second while the block runs."""
    seen: Moments = []

    async def look() -> None:
        while True:
            seen.append((time.time(), await asyncio.to_thread(memory_of, pid)))
            await asyncio.sleep(_LOOK_S)

    looking = asyncio.create_task(look())
    try:
        yield seen
    finally:
        looking.cancel()
        await asyncio.wait((looking,))
    if looking.done() and not looking.cancelled():
        looking.result()  # raises the error that has ended it


def _memories(moments: Moments) -> list[Memory]:
    if not moments:
        raise ProductError("A state of the worker was over before it was measured.")
    return [memory for _, memory in moments]


def _mib(lives: Sequence[Sequence[Memory]], value: Callable[[Memory], float]) -> Spread:
    """The median of each round, and of those the median and the spread."""
    return Spread.of([statistics.median(value(memory) for memory in life) / _MIB for life in lives])


def _part_mib(lives: Sequence[Sequence[Memory]], part: Part) -> float:
    return _mib(lives, lambda memory: memory.parts[part]).median


def _section(bench: Bench, states: dict[str, list[list[Memory]]]) -> Section:
    section = Section("Memory of a worker")
    rows = []
    for state, lives in states.items():
        highest = [max(memory.total for memory in life) / _MIB for life in lives]
        own = [max(memory.own for memory in life) / _MIB for life in lives]
        parts = [figure(_part_mib(lives, part)) for part in Part]
        total = str(_mib(lives, lambda memory: memory.total))
        rows.append((state, *parts, total, str(Spread.of(highest)), str(Spread.of(own))))
    section.parts.append(
        f"One worker with {_SLOTS} slots, fresh in each round. PSS in MiB by kind of process, looked at "
        "six times a second: medians of the time that a state lasts. *Highest* is the highest sum at one "
        "moment; *own* the highest without programs and libraries, of which the kernel keeps in memory what "
        f"fits. At work: {WORDS}. The upload is that of a PDF of 300 MB that the worker has rendered; its "
        "page is closed by then."
    )
    header = ("MiB", *(part.value for part in Part), "all", "highest", "own, highest")
    section.parts.append(Table(header, rows))
    layers = [
        Layer(part.value, [_part_mib(lives, part) for lives in states.values()], COLOURS[number])
        for number, part in enumerate(Part)
    ]
    plot = stacks(
        bench.plots / "memory_budget.png",
        title="Memory of a worker by kind of process",
        unit="MiB (PSS)",
        groups=list(states),
        bars_of={"worker": layers},
    )
    section.parts.append(Plot(plot, "memory of a worker by what it does and kind of process"))
    return section
