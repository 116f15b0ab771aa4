"""The same documents by renderfleet, WeasyPrint and wkhtmltopdf: seconds, memory, bytes."""

import asyncio
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Final

import pypdf

from tests.bench.cases.case import Bench
from tests.bench.cases.documents.invoice import invoice
from tests.bench.clients.product import Api, Product, ProductError
from tests.bench.report.measure import Spread, figure, interleave
from tests.bench.report.report import Section, Table

OURS: Final = "renderfleet"
WEASYPRINT: Final = "WeasyPrint"
WKHTMLTOPDF: Final = "wkhtmltopdf"
# So many lines of the invoice fill about a hundred pages.
REPORT_LINES: Final = 2_900
_INSTALL_TIMEOUT_S: Final = 300.0
_PRINT_TIMEOUT_S: Final = 120
_KIB: Final = 1024
_MIB: Final = 1024 * 1024

_METHOD: Final = (
    "The invoice of the section above, and a report of about a hundred pages with the same table, A4. "
    f"*{OURS}*: a job with `Prefer: wait`, to a service that runs; the memory is that of the render "
    f"(`memory.peak_bytes`). *{WEASYPRINT}* and *{WKHTMLTOPDF}*: one process for each document, as on the "
    "command line; the seconds have its start in them, and the memory is that of the process. They lay out "
    "otherwise and run no JavaScript, or an old one: the numbers are for who has to choose."
)


@dataclass(frozen=True, slots=True)
class Printed:
    """One document: seconds until it was there, MiB at most, its size."""

    seconds: float
    memory_mib: float
    size_bytes: int
    pages: int


Print = Callable[[], Awaitable[Printed]]


async def run(bench: Bench) -> Section:
    """Measure, and make the section."""
    documents = {"invoice": invoice(), "report": invoice(bench.pick(REPORT_LINES, 200))}
    weasyprint, why_not = await asyncio.to_thread(_weasyprint, bench)
    wkhtmltopdf = shutil.which("wkhtmltopdf")
    results: dict[str, dict[str, list[Printed]]] = {}
    with Product.start(bench.folder) as engines:
        product = await engines.migrated()
        with product.api() as api, product.worker() as worker:
            await product.api_ready(api)
            await product.worker_ready(worker)
            for name, html in documents.items():
                source = bench.folder / f"{name}.html"
                source.write_text(html)
                contenders: dict[str, Print] = {OURS: partial(_by_the_service, api, html)}
                if weasyprint is not None:
                    words = (str(weasyprint), "-m", "weasyprint", str(source))
                    contenders[WEASYPRINT] = partial(_by_a_process, bench, words)
                if wkhtmltopdf is not None:
                    contenders[WKHTMLTOPDF] = partial(_by_a_process, bench, (wkhtmltopdf, "-q", str(source)))
                results[name] = await _compare(bench, name, contenders)
    return _section(results, [] if weasyprint else [why_not], has_wkhtmltopdf=wkhtmltopdf is not None)


async def _compare(bench: Bench, name: str, contenders: dict[str, Print]) -> dict[str, list[Printed]]:
    if name == "report":
        rounds = 1  # takes a minute
    else:
        rounds = bench.pick(3, 1)
        for contender in contenders.values():
            await contender()  # the first document costs more: caches of fonts and files
    return await interleave(contenders, rounds=rounds, tell=bench.teller(name, rounds))


def _weasyprint(bench: Bench) -> tuple[Path | None, str]:
    """The Python of an environment that has WeasyPrint; None with the reason if it cannot be had."""
    folder = bench.folder / "weasyprint"
    python = folder / "bin" / "python"
    bench.say("installing WeasyPrint")
    steps = (
        (sys.executable, "-m", "venv", str(folder)),
        (str(python), "-m", "pip", "install", "--quiet", "weasyprint"),
        (str(python), "-m", "weasyprint", "--version"),
    )
    for words in steps:
        try:
            subprocess.run(words, check=True, capture_output=True, timeout=_INSTALL_TIMEOUT_S)
        except (OSError, subprocess.SubprocessError) as error:
            return None, f"{WEASYPRINT} could not be installed here ({type(error).__name__})."
    return python, ""


async def _by_the_service(api: Api, html: str) -> Printed:
    body = {"html": html, "format": "pdf"}
    call = api.request("POST", "/v1/jobs", document=body, prefer=f"wait={_PRINT_TIMEOUT_S // 2}")
    caller = await api.connect()
    started = time.perf_counter()
    answer = await caller.call(call)
    seconds = time.perf_counter() - started
    caller.close()
    job = answer.json()
    if answer.status != HTTPStatus.OK or job["status"] != "succeeded":
        raise ProductError(f"A document was not printed: {answer.status} {job}")
    artifact = job["artifact"]
    memory_mib = (job["memory"]["peak_bytes"] or 0) / _MIB
    return Printed(seconds, memory_mib, artifact["size_bytes"], artifact["pages"])


async def _by_a_process(bench: Bench, words: Sequence[str]) -> Printed:
    """Run a program that writes a PDF into the file that is its last word."""
    path = bench.folder / "other.pdf"
    started = time.perf_counter()
    # Not asyncio.create_subprocess_exec: the memory of a process is told to whoever reaps it.
    process = subprocess.Popen(  # noqa: ASYNC220
        (*words, str(path)), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        _, status, usage = await asyncio.to_thread(os.wait4, process.pid, 0)
    except asyncio.CancelledError:
        process.kill()  # so that the thread ends
        raise
    seconds = time.perf_counter() - started
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise ProductError(f"{words[0]} ended with {process.returncode}")
    pages = len(pypdf.PdfReader(path).pages)
    return Printed(seconds, usage.ru_maxrss * _KIB / _MIB, path.stat().st_size, pages)


def _section(
    results: dict[str, dict[str, list[Printed]]], missing: list[str], *, has_wkhtmltopdf: bool
) -> Section:
    rows = [
        (
            f"{document}: {name}",
            str(Spread.of([one.seconds for one in found])),
            figure(max(one.memory_mib for one in found)),
            figure(found[-1].size_bytes / 1000),
            str(found[-1].pages),
        )
        for document, by_name in results.items()
        for name, found in by_name.items()
    ]
    if not has_wkhtmltopdf:
        missing = [*missing, f"{WKHTMLTOPDF} is not installed here."]
    section = Section("The same documents by other programs")
    section.parts = [_METHOD, Table(("", "seconds", "MiB", "KB", "pages"), rows), *missing]
    return section
