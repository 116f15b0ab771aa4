"""What the PDF of an invoice costs with the whole service, compared with Chromium's own printing."""

import time
from collections.abc import Awaitable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from deploy.embedded.engines.engine import clean_environment
from deploy.embedded.processes.process import ChildProcess
from tests.bench.cases.case import Bench
from tests.bench.cases.documents.invoice import invoice, parameters, request
from tests.bench.clients.product import Api, Product, ProductError, find_chromium
from tests.bench.clients.responder import Responder, responder
from tests.bench.report.measure import (
    Spread,
    cpu_by_part,
    cpu_s,
    difference,
    figure,
    interleave,
    ratios,
    until_idle,
)
from tests.bench.report.report import Aim, Section, Table

OURS: Final = "renderfleet"
RAW: Final = "raw DevTools"
_AIM_RATIO: Final = 1.25
# The same document: dates and ids differ in a few bytes.
_SAME_SIZE: Final = 0.02
_COUNT: Final = 10
_WAIT_S: Final = 60
_API: Final = "API"
_PARTS: Final = ("Chromium", "Playwright driver", "Python", _API)

_METHOD: Final = (
    "The invoice of tests/bench/cases/documents/invoice.py: two pages of A4 with a table, a footer with page "
    f"numbers and tags. *{RAW}*: Chromium started by hand, a fresh context for each document, "
    f"`Page.setDocumentContent` and `Page.printToPDF` as a stream. *{OURS}*: `POST /v1/jobs` with "
    "`Prefer: wait` to a real API process, through Redis and Postgres to a real worker, into S3. Judged is "
    "the CPU of the API process and of the worker's tree together, without the engines."
)


@dataclass(frozen=True, slots=True)
class PrintBlock:
    """Some documents by one contender, per document; CPU by kind of program."""

    wall_ms: float
    parts_ms: dict[str, float]
    size_bytes: int

    @property
    def cpu_ms(self) -> float:
        """CPU of all programs together."""
        return sum(self.parts_ms.values())


async def run(bench: Bench) -> Section:
    """Measure, and make the section."""
    count = bench.pick(_COUNT, 2)
    async with AsyncExitStack() as stack:
        product = await stack.enter_context(Product.start(bench.folder)).migrated()
        api = stack.enter_context(product.api())
        worker = stack.enter_context(product.worker())
        await product.api_ready(api)
        await product.worker_ready(worker)
        environment = clean_environment(HOME=str(bench.folder), TMPDIR=str(bench.folder))
        words = (str(find_chromium().executable), str(bench.folder))
        log = bench.folder / "printer.log"
        client = "tests.bench.browsers.printer"
        printer = await stack.enter_async_context(responder(client, *words, environment=environment, log=log))

        def ours() -> Awaitable[PrintBlock]:
            return _by_the_service(api, worker, count)

        def raw() -> Awaitable[PrintBlock]:
            return _by_chromium(printer, count)

        for contender in (ours, raw):
            await contender()  # the first document costs more: code caches, fonts
        rounds = bench.pick(6, 2)
        blocks = await interleave({OURS: ours, RAW: raw}, rounds=rounds, tell=bench.teller("invoice", rounds))
    return _section(blocks)


async def _by_the_service(api: Api, worker: ChildProcess, count: int) -> PrintBlock:
    call = api.request("POST", "/v1/jobs", document=request(), prefer=f"wait={_WAIT_S}")
    await until_idle(worker.pid, api.child.pid)
    before = _reading(api, worker)
    caller = await api.connect()
    answers, walls_ms = [], []
    for _ in range(count):
        started = time.perf_counter()
        answers.append(await caller.call(call))
        walls_ms.append((time.perf_counter() - started) * 1000)
    caller.close()
    await until_idle(worker.pid, api.child.pid)
    spent = difference(before, _reading(api, worker))
    jobs = [answer.json() for answer in answers]
    for answer, job in zip(answers, jobs, strict=True):
        if answer.status != HTTPStatus.OK or job["status"] != "succeeded":
            raise ProductError(f"An invoice was not printed: {answer.status} {job}")
    return _block(walls_ms, spent, jobs[-1]["artifact"]["size_bytes"])


def _reading(api: Api, worker: ChildProcess) -> dict[str, float]:
    return {**cpu_by_part(worker.pid), _API: cpu_s(api.child.pid)}


async def _by_chromium(printer: Responder, count: int) -> PrintBlock:
    await until_idle(printer.pid)
    before = cpu_by_part(printer.pid)
    answer = await printer.ask(html=invoice(), parameters=parameters(), count=count)
    await until_idle(printer.pid)
    spent = difference(before, cpu_by_part(printer.pid))
    return _block(answer["walls_ms"], spent, answer["size_bytes"])


def _block(walls_ms: list[float], spent_s: dict[str, float], size_bytes: int) -> PrintBlock:
    count = len(walls_ms)
    parts_ms = {part: seconds / count * 1000 for part, seconds in spent_s.items()}
    return PrintBlock(sorted(walls_ms)[count // 2], parts_ms, size_bytes)


def _section(blocks: dict[str, list[PrintBlock]]) -> Section:
    ours, raw = blocks[OURS][-1].size_bytes, blocks[RAW][-1].size_bytes
    if abs(ours - raw) > _SAME_SIZE * raw:
        raise ProductError(
            f"Our invoice has {ours:,} bytes, that of {RAW} {raw:,}: these are different things."
        )
    ratio = ratios([block.cpu_ms for block in blocks[OURS]], [block.cpu_ms for block in blocks[RAW]])
    section = Section("An invoice as PDF: the whole service against Chromium's own printing")
    section.aims = [
        Aim(
            f"CPU of an invoice of two pages at most {_AIM_RATIO:g} x {RAW}",
            f"{ratio} x",
            ratio.median <= _AIM_RATIO,
        )
    ]
    rows = [
        (
            name,
            str(Spread.of([block.cpu_ms for block in blocks[name]])),
            *(
                figure(Spread.of([block.parts_ms.get(part, 0.0) for block in blocks[name]]).median)
                for part in _PARTS
            ),
            str(Spread.of([block.wall_ms for block in blocks[name]])),
            f"{blocks[name][-1].size_bytes / 1000:.1f}",
        )
        for name in (RAW, OURS)
    ]
    section.parts = [_METHOD, Table(("", "CPU, ms", *_PARTS, "wall time, ms", "KB"), rows)]
    return section
