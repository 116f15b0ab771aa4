"""What it costs to merge ten documents of 20 pages into one, and to do the other things after printing."""

import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, Final

from deploy.embedded.processes.process import ChildProcess
from tests.bench.cases.case import Bench
from tests.bench.clients.product import Api, Product, ProductError
from tests.bench.report.measure import Spread, cpu_s, interleave, until_idle
from tests.bench.report.report import Aim, Section, Table

_DOCUMENTS: Final = 10
_PAGES: Final = 20
_AIM_MS: Final = 150
_COUNT: Final = 5
_WAIT_S: Final = 60

_PRINTED: Final = "printed alone"
_MERGED: Final = f"and {_DOCUMENTS} PDFs appended"
_METHOD: Final = (
    f"Jobs that print one empty page, and the same with something to do afterwards. {_DOCUMENTS} jobs before "
    f"have made tagged PDFs of {_PAGES} pages, with heading, text, table and link on each. Judged is the "
    "CPU of the worker's tree, with the process that does the work, and what it takes more than the page "
    "alone. So reading the PDFs from S3 and writing the result there are in it."
)


@dataclass(frozen=True, slots=True)
class _Block:
    """Some jobs, per job."""

    wall_ms: float
    cpu_ms: float
    size_bytes: int


def _document(number: int) -> dict[str, Any]:
    pages = "".join(
        f"<h1 id='c{page}'>Document {number}, page {page}</h1><p><a href='#c{(page + 1) % _PAGES}'>next</a> "
        f"{'Lorem ipsum dolor sit amet, consectetur adipiscing elit. ' * 30}</p>"
        "<table><tr><th>a<th>b<tr><td>1<td>2</table>"
        for page in range(_PAGES)
    )
    style = "<style>h1{break-before:page}</style>"
    return {"html": f"<!doctype html><title>{number}</title>{style}{pages}", "format": "pdf"}


async def run(bench: Bench) -> Section:
    """Measure, and make the section."""
    count = bench.pick(_COUNT, 2)
    async with AsyncExitStack() as stack:
        product = await stack.enter_context(Product.start(bench.folder)).migrated()
        api = stack.enter_context(product.api())
        worker = stack.enter_context(product.worker())
        await product.api_ready(api)
        await product.worker_ready(worker)
        parts = [await _printed(api, number) for number in range(_DOCUMENTS)]
        wishes: dict[str, dict[str, Any]] = {
            _PRINTED: {},
            _MERGED: {"append": parts},
            "and a watermark": {"watermark": {"text": "DRAFT"}},
            "and a password": {"password": {"user": "secret"}},
            "and labels": {"metadata": {"title": "Report", "author": "ACME"}},
        }

        def contender(pdf: Mapping[str, Any]) -> Callable[[], Awaitable[_Block]]:
            document = {"html": "<!doctype html><title></title>", "format": "pdf", "pdf": pdf}
            return lambda: _measured(api, worker, document, count)

        contenders = {name: contender(pdf) for name, pdf in wishes.items()}
        for warm_up in contenders.values():
            await warm_up()
        rounds = bench.pick(5, 2)
        blocks = await interleave(contenders, rounds=rounds, tell=bench.teller("merge", rounds))
    return _section(blocks)


async def _printed(api: Api, number: int) -> str:
    job = await _job(api, _document(number))
    if job["artifact"]["pages"] != _PAGES:
        raise ProductError(f"A document has {job['artifact']['pages']} pages in place of {_PAGES}.")
    return str(job["id"])


async def _job(api: Api, document: Mapping[str, Any]) -> dict[str, Any]:
    caller = await api.connect()
    answer = await caller.call(api.request("POST", "/v1/jobs", document=document, prefer=f"wait={_WAIT_S}"))
    caller.close()
    job: dict[str, Any] = answer.json()
    if answer.status != HTTPStatus.OK or job["status"] != "succeeded":
        raise ProductError(f"A document was not made: {answer.status} {job}")
    return job


async def _measured(api: Api, worker: ChildProcess, document: Mapping[str, Any], count: int) -> _Block:
    await until_idle(worker.pid)
    before, started = cpu_s(worker.pid), time.perf_counter()
    for _ in range(count):
        job = await _job(api, document)
    wall_ms = (time.perf_counter() - started) / count * 1000
    await until_idle(worker.pid)
    cpu_ms = (cpu_s(worker.pid) - before) / count * 1000
    return _Block(wall_ms, cpu_ms, job["artifact"]["size_bytes"])


def _section(blocks: dict[str, list[_Block]]) -> Section:
    alone = [block.cpu_ms for block in blocks[_PRINTED]]

    def more(name: str) -> Spread:
        pairs = zip(blocks[name], alone, strict=True)
        return Spread.of([block.cpu_ms - base for block, base in pairs])

    merged = more(_MERGED)
    section = Section("After printing: what it costs to merge, mark and protect a PDF")
    section.aims = [
        Aim(
            f"to merge {_DOCUMENTS} PDFs of {_PAGES} pages takes at most {_AIM_MS} ms of CPU",
            f"{merged} ms",
            merged.median <= _AIM_MS,
        )
    ]
    rows = [
        (
            name,
            str(Spread.of([block.cpu_ms for block in found])),
            str(more(name)) if name != _PRINTED else "",
            str(Spread.of([block.wall_ms for block in found])),
            f"{found[-1].size_bytes / 1000:,.1f}",
        )
        for name, found in blocks.items()
    ]
    section.parts = [_METHOD, Table(("", "CPU, ms", "more than alone", "wall time, ms", "KB"), rows)]
    return section
