"""(e) How much a process grows while it uploads an artifact of 300 MB."""

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from tests.bench.cases.case import Bench
from tests.bench.clients.product import Product
from tests.bench.clients.responder import Document, responder
from tests.bench.report.measure import Spread, interleave, ratios
from tests.bench.report.plots import bars
from tests.bench.report.report import Aim, Plot, Section, Table

_MIB: Final = 2**20
_SIZE_BYTES: Final = 300_000_000
_SMALL_BYTES: Final = 100_000
_AIM_MIB: Final = 16

_OURS: Final = "fleet.artifacts.store"
# The compared ways to upload, and their names in the child process.
_WAYS: Final = {
    _OURS: "artifacts",
    "boto3 upload_file, defaults": "boto3",
    "boto3 put_object of the bytes": "bytes",
}


async def run(bench: Bench) -> Section:
    """Measure, and make the section."""
    small, large = bench.folder / "small.pdf", bench.folder / "large.pdf"
    _write(small, _SMALL_BYTES)
    _write(large, _SIZE_BYTES)
    with Product.start(bench.folder) as product:

        def way(word: str) -> Callable[[], Awaitable[Document]]:
            async def upload() -> Document:
                log = bench.folder / "upload.log"
                async with responder(
                    "tests.bench.clients.uploader", environment=product.variables, log=log
                ) as child:
                    return await child.ask(way=word, warm_up=str(small), path=str(large))

            return upload

        rounds = bench.pick(5, 1)
        ways = {name: way(word) for name, word in _WAYS.items()}
        results = await interleave(ways, rounds=rounds, tell=bench.teller("upload", rounds))
    return _section(bench, results)


def _write(path: Path, size_bytes: int) -> None:
    """Write random bytes, which cannot be compressed or shared."""
    block = os.urandom(_MIB)
    with path.open("wb") as file:
        for _ in range(size_bytes // _MIB):
            file.write(block)
        file.write(block[: size_bytes % _MIB])


def _section(bench: Bench, results: dict[str, list[Document]]) -> Section:
    def spread(name: str, field: str, unit: float) -> Spread:
        return Spread.of([answer[field] / unit for answer in results[name]])

    grown = Spread.of([max(answer["pss_bytes"], answer["rss_bytes"]) / _MIB for answer in results[_OURS]])
    section = Section(
        "Memory of an upload",
        aims=[
            Aim(
                f"uploading 300 MB grows the process by less than {_AIM_MIB} MiB",
                f"{grown} MiB",
                grown.high < _AIM_MIB,
            )
        ],
    )
    section.parts.append(
        "A fresh process for each upload of 300 MB of random bytes. It first uploads 100 KB, because the "
        "first upload of a process loads code; that growth stands in a column of its own. Then the highest "
        "PSS (sampled every 5 ms) and RSS (the kernel's high-water mark) during the large upload, less what "
        "there was before it. The aim is judged on the larger of the two, in the worst round."
    )
    time_s = {name: [answer["elapsed_s"] for answer in answers] for name, answers in results.items()}
    rows = [
        (
            name,
            str(spread(name, "first_bytes", _MIB)),
            str(spread(name, "pss_bytes", _MIB)),
            str(spread(name, "rss_bytes", _MIB)),
            str(spread(name, "elapsed_s", 1)),
            str(ratios(time_s[name], time_s[_OURS])),
            str(spread(name, "cpu_s", 1)),
        )
        for name in results
    ]
    header = ("", "first upload, MiB", "300 MB: PSS, MiB", "300 MB: RSS, MiB", "seconds", "x ours", "CPU s")
    section.parts.append(Table(header, rows))
    plot = bars(
        bench.plots / "upload_memory.png",
        title="Growth of a process that uploads 300 MB",
        unit="MiB (PSS)",
        groups=list(results),
        series={"growth": [spread(name, "pss_bytes", _MIB) for name in results]},
        aim=_AIM_MIB,
    )
    section.parts.append(Plot(plot, "growth in MiB of a process that uploads 300 MB, three ways"))
    return section
