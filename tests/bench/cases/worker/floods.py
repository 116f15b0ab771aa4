"""(n) Beside each page that floods or fills what all pages share: how long another tenant's jobs take."""

import asyncio
import re
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import asyncpg

from deploy.embedded.engines.engine import clean_environment
from deploy.embedded.engines.ports import LOOPBACK
from fleet.tenants.api_keys import create_key
from fleet.tenants.tenant import Scope
from tests.bench.cases.case import Bench
from tests.bench.clients.mixed import render
from tests.bench.clients.product import Api, Product
from tests.bench.clients.responder import responder
from tests.bench.report.measure import figure, percentile
from tests.bench.report.report import Aim, Section, Table
from tests.bench.report.slow_jobs import SlowJob
from tests.site.bombs import BOMBS
from tests.site.floods import FLOODS
from worker.resources.memory.worker_memory import WorkerProcesses

_FLOOD_MS: Final = 6000
# Three large pictures at once leave one for the other tenant.
_SLOTS: Final = 4
_LIMIT_S: Final = 3.0
_MIB: Final = 2**20
_LOOK_S: Final = 0.5
_CALM_S: Final = 5.0
_CALM: Final = "nothing else"
_LARGEST: Final = {"viewport": {"width": 2000, "height": 5000}, "device_scale_factor": 2}
# Large pictures are floods too; each of them is asked for three times at once.
_PICTURES: Final[dict[str, dict[str, Any]]] = {
    f"three pictures of 40 megapixels: {format_}": {"path": "/photo", "format": format_, **_LARGEST}
    for format_ in ("png", "jpeg", "webp")
}
_QUICK: Final = (_CALM, "flood: cookies", "flood: downloads", "memory: webgl")
_THEN: Final = re.compile(r"[;,:.(].*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What happened beside one kind of flood.

    Attributes:
        ends: how the jobs of the flood ended, in words.
        witness_s: seconds of each job of the other tenant.
        not_succeeded: jobs of the other tenant that failed.
        repeated: jobs of the other tenant that needed a second attempt.
        peak_bytes: the most memory of the worker with all its processes.
        slow: jobs of the other tenant that took longer than the aim.
    """

    ends: str
    witness_s: list[float]
    not_succeeded: int
    repeated: int
    peak_bytes: int
    slow: list[SlowJob]


def kinds() -> dict[str, list[dict[str, Any]]]:
    """The jobs of each kind, with a path for the address."""
    pages = {f"flood: {name}": f"/flood/{name}" for name in FLOODS}
    pages |= {f"memory: {name}": f"/bomb/{name}" for name in BOMBS}
    jobs = {name: [{"path": path, "navigation_timeout_ms": _FLOOD_MS}] for name, path in pages.items()}
    return {_CALM: []} | jobs | {name: [job] * 3 for name, job in _PICTURES.items()}


async def run(bench: Bench) -> Section:
    """Measure, and make the section."""
    environment = clean_environment(HOME=str(bench.folder), TMPDIR=str(bench.folder))
    log = bench.folder / "site.log"
    async with responder("tests.bench.clients.serve", environment=environment, log=log) as site:
        address = f"{LOOPBACK}:{site.ready['port']}"
        settings = {"egress_allow": address, "browser_max_pages": str(_SLOTS)}
        with Product.start(bench.folder, **settings) as engines:
            product = await engines.migrated()
            with product.api() as api, product.worker() as worker:
                await product.api_ready(api)
                await product.worker_ready(worker)
                other = await _other_tenant(product, api)
                outcomes = {}
                for name, jobs in kinds().items():
                    if bench.is_quick and name not in _QUICK:
                        continue
                    asked = [_with_url(job, f"http://{address}") for job in jobs]
                    outcomes[name] = await _measure(api, other, asked, f"http://{address}/tiny", worker.pid)
                    bench.say(f"{name}: {max(outcomes[name].witness_s):.1f} s at most, {outcomes[name].ends}")
                    for job in outcomes[name].slow:
                        bench.say(job.story(bench.folder))
    return _section(outcomes)


def _with_url(job: dict[str, Any], address: str) -> dict[str, Any]:
    asked = dict(job)
    asked["url"] = address + asked.pop("path")
    return asked


async def _other_tenant(product: Product, api: Api) -> Api:
    connection = await asyncpg.connect(product.database_url)
    try:
        key = await create_key(connection, tenant_name="witness", key_name="witness", scopes=frozenset(Scope))
    finally:
        await connection.close()
    return Api(api.child, api.port, key)


async def _measure(api: Api, other: Api, jobs: list[dict[str, Any]], small: str, pid: int) -> Outcome:
    """Post the jobs of the flood, and small jobs of another tenant one by one until they have ended."""
    flooding = asyncio.gather(*(render(api, job) for job in jobs)) if jobs else asyncio.sleep(_CALM_S, [])
    flooding = asyncio.ensure_future(flooding)
    memory = [0]
    measuring = asyncio.create_task(_watch(pid, memory))
    witness_s: list[float] = []
    witnesses: list[dict[str, Any]] = []
    slow: list[SlowJob] = []
    is_last = False
    try:
        while not is_last:
            is_last = flooding.done()
            began_at, posted_at = time.perf_counter(), datetime.now(UTC)
            witnesses.append(await render(other, {"url": small}))
            witness_s.append(time.perf_counter() - began_at)
            if witness_s[-1] > _LIMIT_S:
                slow.append(SlowJob(witnesses[-1], posted_at, witness_s[-1]))
    finally:
        measuring.cancel()
    return Outcome(
        "; ".join(dict.fromkeys(_end(job) for job in await flooding)),
        witness_s,
        sum(job["status"] != "succeeded" for job in witnesses),
        sum(job["attempt"] > 1 for job in witnesses),
        max(memory),
        slow,
    )


async def _watch(pid: int, memory: list[int]) -> None:
    """Measure the memory of a worker and all processes below it again and again."""
    processes = WorkerProcesses(pid)
    while True:
        memory.append((await asyncio.to_thread(processes.read)).bytes)
        await asyncio.sleep(_LOOK_S)


def _end(job: dict[str, Any]) -> str:
    """How a job ended, in a few words."""
    if job["error"] is None:
        return str(job["status"])
    detail = str(job["error"]["detail"])
    return f"{job['error']['type']}: {_THEN.sub('', detail)}"


def _section(outcomes: dict[str, Outcome]) -> Section:
    section = Section("Beside pages that harm their neighbours")
    every_s = [seconds for outcome in outcomes.values() for seconds in outcome.witness_s]
    others = outcomes.keys() - {_CALM}
    slow = [name for name, outcome in outcomes.items() if _p99(outcome) > _LIMIT_S]
    lost = sum(outcome.not_succeeded for outcome in outcomes.values())
    section.aims = [
        Aim(
            f"beside each of {len(others)} kinds, another tenant's jobs: p99 at most {_LIMIT_S:.0f} s",
            f"{figure(max(map(_p99, outcomes.values())))} s; slower beside {len(slow)}",
            not slow,
        ),
        Aim("none of them failed or lost", f"{lost} of {len(every_s)}", lost == 0),
    ]
    section.parts.append(
        f"One worker with {_SLOTS} slots and default settings. A tenant's job is one of these pages "
        "(`tests/site/floods.py`, `tests/site/bombs.py`), which are ended after "
        f"{_FLOOD_MS / 1000:.0f} s at the latest, or three large pictures at once. Meanwhile another tenant "
        "posts small jobs one after the other, and waits for each. The first row is without such a page: "
        "if it is slow, other programs use the machine. *Memory* is the most of the worker with "
        "all its processes (PSS), measured every half second."
    )
    rows = [
        (
            name,
            figure(percentile(outcome.witness_s, 50)),
            figure(_p99(outcome)),
            str(len(outcome.witness_s)),
            str(outcome.not_succeeded),
            str(outcome.repeated),
            f"{outcome.peak_bytes / _MIB:.0f}",
            outcome.ends,
        )
        for name, outcome in outcomes.items()
    ]
    header = ("", "p50, s", "p99, s", "jobs", "failed", "repeated", "memory, MiB", "how the page ended")
    section.parts.append(Table(header, rows))
    return section


def _p99(outcome: Outcome) -> float:
    return percentile(outcome.witness_s, 99)
