"""How many renders a second the whole service makes, beside what else one would build or install for them."""

import asyncio
import shutil
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from deploy.embedded.engines.ports import LOOPBACK
from deploy.embedded.processes.process import ChildProcess
from tests.bench.cases.case import Bench
from tests.bench.cases.render.render_cost import environment_of, start_service
from tests.bench.clients.caller import Answer, Caller, http_request
from tests.bench.clients.product import Api, ProductError, find_chromium
from tests.bench.clients.responder import Responder, responder, responding
from tests.bench.report.measure import Spread, cpu_s, figure, interleave, ratios, until_idle
from tests.bench.report.report import Aim, Section, Table

_PATHS: Final = ("/tiny", "/photo", "/dashboard", "/long")
_CLIENTS: Final = 4
_AIM: Final = 2.0
_WAIT_S: Final = 60
OURS: Final = "renderfleet"
# A smaller picture is of a page that was not loaded.
_LEAST_BYTES: Final = 5_000

# From npm: the first of these versions of which a registry has all parts, each with the puppeteer-core that
# works with it.
_BROWSERLESS_VERSIONS: Final = {"13.9.23": "25.16.0", "10.12.13": "22.15.0"}
_NPM_TIMEOUT_S: Final = 180.0
_BROWSERLESS: Final = Path(__file__).parents[2] / "browsers/browserless.mjs"

_METHOD: Final = (
    f"{_CLIENTS} clients, each with one render under way: a tiny page, photos, a dashboard and a long "
    f"document in turn, 1280 x 720, load event, PNG. *{OURS}*: the whole service with one worker, and each "
    "picture fetched from the store. The others have no queue, no store and no limits, and their pictures "
    "stay in the process: "
    "*Playwright, kept*: one browser, a context for each render. *Playwright, launched*: a browser for each "
    "render. *browserless*: the library of this name by Microlink, from npm, which is installed for the run. "
    "CPU is that of the processes that render; of the service: of the API and the worker's tree."
)


@dataclass(frozen=True, slots=True)
class Block:
    """Some renders: how many a second, and the CPU of one."""

    per_s: float
    cpu_ms: float


@dataclass(frozen=True, slots=True)
class _Service:
    """The whole service, ready to render."""

    api: Api
    worker: ChildProcess

    async def render(self, urls: Sequence[str]) -> Block:
        pids = (self.worker.pid, self.api.child.pid)
        before_s, started, waiting = cpu_s(*pids), time.perf_counter(), iter(urls)
        await asyncio.gather(*(self._client(waiting) for _ in range(_CLIENTS)))
        seconds = time.perf_counter() - started
        await until_idle(*pids)
        return Block(len(urls) / seconds, (cpu_s(*pids) - before_s) / len(urls) * 1000)

    async def _client(self, waiting: Iterator[str]) -> None:
        caller = await self.api.connect()
        try:
            for url in waiting:
                asked = self.api.request("POST", "/v1/jobs", document={"url": url}, prefer=f"wait={_WAIT_S}")
                job = (await caller.call(asked)).json()
                if job["status"] != "succeeded":
                    raise ProductError(f"A render did not succeed: {job}")
                picture = await _fetched(job["artifact"]["url"])
                if picture.status != HTTPStatus.OK or len(picture.body) < _LEAST_BYTES:
                    raise ProductError(f"A picture cannot be fetched: {picture.status}")
        finally:
            caller.close()


async def _fetched(url: str) -> Answer:
    """What the store answers at a signed address."""
    address = urlsplit(url)
    if address.hostname is None or address.port is None:
        raise ProductError(f"There is no host and port in {url}.")
    store = await Caller.connect(address.hostname, address.port)
    try:
        path = f"{address.path}?{address.query}"
        return await store.call(http_request("GET", path, host=address.netloc, headers={}))
    finally:
        store.close()


async def run(bench: Bench) -> Section:
    """Measure, and make the section."""
    environment = environment_of(bench)
    executable = str(find_chromium().executable)
    async with AsyncExitStack() as stack:
        site = await stack.enter_async_context(
            responder("tests.bench.clients.serve", environment=environment, log=bench.folder / "site.log")
        )
        port = site.ready["port"]
        started = await start_service(stack, bench, port)
        service = _Service(started.api, started.worker)
        others: dict[str, Responder] = {}
        for name, kind in (("Playwright, kept", "playwright"), ("Playwright, launched", "launching")):
            words = (kind, executable, str(bench.folder))
            log = bench.folder / f"{kind}.log"
            others[name] = await stack.enter_async_context(
                responder("tests.bench.browsers.contender", *words, environment=environment, log=log)
            )
        version, missing = await _install_browserless(bench)
        if version:
            command = ("node", str(_BROWSERLESS), str(bench.folder), executable)
            others[f"browserless {version}"] = await stack.enter_async_context(
                responding(command, environment=environment, log=bench.folder / "browserless.log")
            )
        urls = [f"http://{LOOPBACK}:{port}{path}" for path in _PATHS] * bench.pick(8, 1)
        found = await _compare(bench, service, others, urls)
    return _section(found, missing)


async def _install_browserless(bench: Bench) -> tuple[str, str]:
    """Install it into the folder of the run.

    Returns:
        Its version, and why it is missing; one of them is empty.
    """
    if shutil.which("npm") is None or shutil.which("node") is None:
        return "", "*browserless* was left out: there is no npm here."
    for version, driver in _BROWSERLESS_VERSIONS.items():
        bench.say(f"installing browserless {version}")
        if await _npm_install(bench.folder, f"browserless@{version}", f"puppeteer-core@{driver}"):
            return version, ""
    return "", "*browserless* was left out: npm could not install it."


async def _npm_install(folder: Path, *packages: str) -> bool:
    """Whether npm has installed packages into a folder."""
    process = await asyncio.create_subprocess_exec(
        *("npm", "install", "--no-save", "--no-audit", "--no-fund", "--ignore-scripts", *packages),
        cwd=folder,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(_NPM_TIMEOUT_S):
            return await process.wait() == 0
    except TimeoutError:
        process.kill()
        await process.wait()
        return False


async def _compare(
    bench: Bench, service: _Service, others: Mapping[str, Responder], urls: Sequence[str]
) -> dict[str, list[Block]]:
    def other(contender: Responder) -> Callable[[], Awaitable[Block]]:
        return lambda: _render(contender, urls)

    contenders = {OURS: lambda: service.render(urls)} | {
        name: other(contender) for name, contender in others.items()
    }
    for contender in contenders.values():
        await contender()  # the first render of a page costs more
    rounds = bench.pick(5, 1)
    return await interleave(contenders, rounds=rounds, tell=bench.teller("mix", rounds))


async def _render(contender: Responder, urls: Sequence[str]) -> Block:
    before_s = cpu_s(contender.pid)
    answer = await contender.ask(urls=urls, clients=_CLIENTS)
    if min(answer["sizes"]) < _LEAST_BYTES:
        raise ProductError(f"A page was not loaded: its picture has {min(answer['sizes'])} bytes.")
    await until_idle(contender.pid)
    cpu_ms = (cpu_s(contender.pid) - before_s) / len(urls) * 1000
    return Block(len(urls) / answer["seconds"], cpu_ms)


def _section(found: Mapping[str, Sequence[Block]], missing: str) -> Section:
    section = Section("Renders a second: the whole service beside what one would build or install")
    ours = found[OURS]
    faster = {
        name: ratios([block.per_s for block in ours], [block.per_s for block in blocks])
        for name, blocks in found.items()
    }
    cheaper = {
        name: ratios([block.cpu_ms for block in blocks], [block.cpu_ms for block in ours])
        for name, blocks in found.items()
    }
    peers = [name for name in found if name != OURS]
    measured = ", ".join(f"{name} {figure(faster[name].median)} x" for name in peers)
    is_met = all(faster[name].median >= _AIM for name in peers)
    section.aims = [Aim(f"renders a second: at least {_AIM:g} x those of each", measured, is_met)]
    rows = [
        (
            name,
            str(Spread.of([block.per_s for block in blocks])),
            str(faster[name]),
            str(Spread.of([block.cpu_ms for block in blocks])),
            str(cheaper[name]),
        )
        for name, blocks in found.items()
    ]
    header = ("", "renders/s", "ours / its", "CPU a render, ms", "its / ours")
    section.parts = [_METHOD, Table(header, rows), *([missing] if missing else [])]
    return section
