"""(k) A worker in a container of 512 MiB, and one of 1 GiB: whether it renders, and at what pace."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import playwright

from deploy.embedded.engines.engine import clean_environment
from deploy.embedded.engines.ports import LOOPBACK
from deploy.embedded.processes.process import ChildProcess, Program
from tests.bench.cases.case import Bench
from tests.bench.clients.cgroup_group import GroupMemory, MemoryGroup
from tests.bench.clients.hungry import KINDS, Hungry, render_hungry
from tests.bench.clients.mixed import WORDS, Mixed, render_mixed
from tests.bench.clients.product import Api, Product, ProductError, find_chromium
from tests.bench.clients.responder import responder
from tests.bench.report.measure import Spread, interleave, ratios
from tests.bench.report.plots import bars
from tests.bench.report.report import Aim, Plot, Section, Table

_MIB: Final = 2**20
_READY_TIMEOUT_S: Final = 60.0
_STOP_TIMEOUT_S: Final = 20.0
_LOOK_S: Final = 0.1
_COUNT: Final = 200
# As in a container with a read-only file system: profiles, results and Chromium's shared memory use memory.
_TMPFS: Final = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108 - a folder is made in it


@dataclass(frozen=True, slots=True)
class Container:
    """A container to compare.

    Attributes:
        slots: BROWSER_MAX_PAGES, and how many renders are requested at a time.
        limit_mib: limit of the worker's memory; None: no limit.
    """

    slots: int
    limit_mib: int | None

    @property
    def name(self) -> str:
        """In the report."""
        limit = f"{self.limit_mib} MiB" if self.limit_mib else "no limit"
        return f"{self.slots} {'slot' if self.slots == 1 else 'slots'}, {limit}"

    @property
    def unlimited(self) -> "Container":
        """The same without a limit."""
        return replace(self, limit_mib=None)


_SMALL: Final = Container(1, 512)
_LARGE: Final = Container(4, 1024)
_HUNGRY: Final = Container(3, 1536)


@dataclass(frozen=True, slots=True)
class ContainerResult:
    """Result of one worker in a group.

    Attributes:
        mixed: its renders.
        end: memory of the group after the last render.
        own_peak_bytes: highest own memory of its processes, measured ten times a second.
    """

    mixed: Mixed
    end: GroupMemory
    own_peak_bytes: int


async def run(bench: Bench) -> Section:
    """Measure, and make the section."""
    count = bench.pick(_COUNT, 20)
    async with AsyncExitStack() as stack:
        environment = clean_environment(HOME=str(bench.folder), TMPDIR=str(bench.folder))
        log = bench.folder / "site.log"
        site = await stack.enter_async_context(
            responder("tests.bench.clients.serve", environment=environment, log=log)
        )
        port = site.ready["port"]
        product = stack.enter_context(Product.start(bench.folder, egress_allow=f"{LOOPBACK}:{port}"))
        product = await product.migrated()
        api = stack.enter_context(product.api())
        await product.api_ready(api)

        def live(container: Container) -> Callable[[], Awaitable[ContainerResult]]:
            return lambda: _run_worker(product, api, container, f"http://{LOOPBACK}:{port}", count)

        hungry, kills = await _run_hungry(bench, product, api, f"http://{LOOPBACK}:{port}")
        containers = (_SMALL, _SMALL.unlimited, _LARGE, _LARGE.unlimited)
        rounds = bench.pick(2, 1)
        results = await interleave(
            {container.name: live(container) for container in containers},
            rounds=rounds,
            tell=bench.teller(f"{count} renders", rounds),
        )
    section = _section(bench, results, count)
    section.aims.append(_hungry_aim(hungry, kills))
    section.parts += _hungry_parts(hungry)
    return section


async def _run_worker(
    product: Product, api: Api, container: Container, address: str, count: int
) -> ContainerResult:
    """Start a worker, do all renders, and stop it."""
    limit_bytes = container.limit_mib * _MIB if container.limit_mib else None
    _forget_files()
    with (
        tempfile.TemporaryDirectory(prefix="renderfleet-bench-", dir=_TMPFS) as scratch,
        MemoryGroup.made(f"{os.getpid()}", limit_bytes) as group,
    ):
        with _worker(product, group, container.slots, scratch) as child:
            await _ready(child)
            async with _watching(group) as peaks:
                mixed = await render_mixed(api, address, count=count, in_flight=container.slots)
            end = group.read()
            if not child.running:
                raise ProductError(f"The worker {child.end} in {container.name}:\n{child.log_tail()}")
        return ContainerResult(mixed, end, max(peaks))


async def _run_hungry(
    bench: Bench, product: Product, api: Api, address: str
) -> tuple[dict[str, Hungry], int]:
    """Pages that fill memory, in a small container. Returns what became of them, and the kernel's kills."""
    kinds = ["webgl", "downloads"] if bench.is_quick else list(KINDS)
    bench.say(f"{len(kinds)} kinds of pages that fill memory, in {_HUNGRY.name}")
    with (
        tempfile.TemporaryDirectory(prefix="renderfleet-bench-", dir=_TMPFS) as scratch,
        MemoryGroup.made(f"{os.getpid()}", (_HUNGRY.limit_mib or 0) * _MIB) as group,
        _worker(product, group, _HUNGRY.slots, scratch) as child,
    ):
        await _ready(child)
        async with _watching(group) as peaks:

            def peak_since() -> int:
                peak = max(peaks, default=0)
                peaks[:] = [group.read().own_bytes]
                return peak

            found = await render_hungry(api, address, kinds, at_once=_HUNGRY.slots - 1, peak_since=peak_since)
        return found, group.read().kills


def _hungry_parts(hungry: dict[str, Hungry]) -> list[str | Table | Plot]:
    rows = [
        (
            name,
            f"{one.own_peak_bytes / _MIB:.0f}",
            ", ".join(sorted(one.ends)),
            str(len(one.beside)),
            str(one.failed),
            str(sum(job["attempt"] > 1 for job in one.beside)),
        )
        for name, one in hungry.items()
    ]
    header = ("", "own at most, MiB", "how the jobs ended", "small jobs beside", "failed", "repeated")
    words = (
        f"Pages that fill memory (`tests/site/bombs.py`), and large pictures, in a container with "
        f"{_HUNGRY.name}: one slot is left for small jobs, one after the other."
    )
    return [words, Table(header, rows)]


def _hungry_aim(hungry: dict[str, Hungry], kills: int) -> Aim:
    failed = sum(one.failed for one in hungry.values())
    peak_mib = max(one.own_peak_bytes for one in hungry.values()) / _MIB
    return Aim(
        f"{_HUNGRY.name}: beside {len(hungry)} kinds of pages that fill memory no job fails, no kernel kill",
        f"{failed} failed, {kills} kills, own memory {peak_mib:.0f} MiB at most",
        failed == 0 and kills == 0,
    )


@contextmanager
def _worker(product: Product, group: MemoryGroup, slots: int, scratch: str) -> Iterator[ChildProcess]:
    """Start a worker with all its processes in the group; the engines and the API are outside."""
    own = {"RENDERFLEET_BROWSER_MAX_PAGES": str(slots), "RENDERFLEET_DATA_DIR": scratch, "HOME": scratch}
    variables = {**product.variables, **own}
    # It joins the group as root, then gives up root's rights.
    inner = product.worker_program(variables)
    program = Program(inner.name, group.joining(inner.wrapped()), inner.log, variables)
    child = ChildProcess.start(program)
    try:
        yield child
    finally:
        child.stop(_STOP_TIMEOUT_S)


async def _ready(child: ChildProcess) -> None:
    try:
        async with asyncio.timeout(_READY_TIMEOUT_S):
            while "worker ready" not in child.log_text():
                if not child.running:
                    raise ProductError(f"The worker {child.end}:\n{child.log_tail()}")
                await asyncio.sleep(_LOOK_S)  # a log that grows causes no event
    except TimeoutError:
        raise ProductError(f"The worker did not get ready:\n{child.log_tail()}") from None


@asynccontextmanager
async def _watching(group: MemoryGroup) -> AsyncIterator[list[int]]:
    """Measure the own memory of the group's processes ten times a second while the block runs."""
    seen = [group.read().own_bytes]

    async def watch() -> None:
        while True:
            await asyncio.sleep(_LOOK_S)
            seen.append(group.read().own_bytes)

    watching = asyncio.create_task(watch())
    try:
        yield seen
    finally:
        watching.cancel()


def _forget_files() -> None:
    """Drop the pages of the programs from the page cache, so that they count in the group.

    A page counts in the group that has read it first, which is usually a container's own group.
    """
    if not hasattr(os, "posix_fadvise"):
        return
    folders = (find_chromium().executable.parent, Path(playwright.__file__).parent / "driver")
    for folder in folders:
        for path in folder.rglob("*"):
            if path.is_file():
                descriptor = os.open(path, os.O_RDONLY)
                try:
                    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
                finally:
                    os.close(descriptor)


def _section(bench: Bench, results: dict[str, list[ContainerResult]], count: int) -> Section:
    section = Section("A worker in a small container")
    section.aims = [_aim(container, results[container.name], count) for container in (_SMALL, _LARGE)]
    section.parts.append(
        f"{count} renders ({WORDS}), as many at a time as the worker has slots. The worker's whole tree is "
        "in a memory group (cgroup) with the limit of a container and no swap. Its profile, results and "
        "shared memory lie on a tmpfs and count too; engines, API, site and caller are outside. *Own* is "
        "what processes hold for themselves and the tmpfs, which the kernel cannot take back. *Files* are "
        "pages of programs, which it drops and reads again; *reads* counts how often a process waited for "
        "one. The files of Chromium and Node.js are dropped from the page cache before each worker, so that "
        "they count in its group. The groups without a limit count alone."
    )
    rows = []
    for container in (_SMALL, _SMALL.unlimited, _LARGE, _LARGE.unlimited):
        outcomes = results[container.name]
        seconds = [outcome.mixed.elapsed_s for outcome in outcomes]
        free = [outcome.mixed.elapsed_s for outcome in results[container.unlimited.name]]
        rows.append(
            (
                container.name,
                str(Spread.of([len(outcome.mixed.jobs) / outcome.mixed.elapsed_s for outcome in outcomes])),
                str(ratios(free, seconds)),
                str(_own_peak(outcomes)),
                str(Spread.of([outcome.end.cache_bytes / _MIB for outcome in outcomes])),
                str(Spread.of([outcome.end.reads for outcome in outcomes])),
                str(sum(outcome.end.kills for outcome in outcomes)),
                str(sum(outcome.mixed.repeated for outcome in outcomes)),
                str(sum(len(outcome.mixed.failed) for outcome in outcomes)),
            )
        )
    header = (
        "",
        "renders/s",
        "of no limit",
        "own at most, MiB",
        "files at the end, MiB",
        "reads",
        "kernel kills",
        "repeated",
        "failed",
    )
    section.parts.append(Table(header, rows))
    plot = bars(
        bench.plots / "cgroup.png",
        title="Memory that a worker's processes hold for themselves, at most",
        unit="MiB",
        groups=list(results),
        series={"own memory": [_own_peak(outcomes) for outcomes in results.values()]},
    )
    section.parts.append(Plot(plot, "own memory of a worker with and without a limit"))
    return section


def _own_peak(outcomes: list[ContainerResult]) -> Spread:
    return Spread.of([outcome.own_peak_bytes / _MIB for outcome in outcomes])


def _aim(container: Container, outcomes: list[ContainerResult], count: int) -> Aim:
    worst = min(count - len(outcome.mixed.failed) for outcome in outcomes)
    kills = sum(outcome.end.kills for outcome in outcomes)
    return Aim(
        f"{container.name}: {count} mixed renders succeed, no kernel kill",
        f"{worst} of {count}, {kills} kills, own memory {_own_peak(outcomes)} MiB at most",
        worst == count and kills == 0,
    )
