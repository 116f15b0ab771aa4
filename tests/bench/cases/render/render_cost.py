"""(a) What a render costs with the whole service, compared with plain Playwright and with Chromium itself."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

from deploy.embedded.engines.engine import clean_environment
from deploy.embedded.engines.ports import LOOPBACK
from deploy.embedded.processes.process import ChildProcess
from tests.bench.cases.case import Bench
from tests.bench.clients.product import Api, Product, ProductError, find_chromium
from tests.bench.clients.responder import Responder, responder
from tests.bench.report.measure import cpu_by_part, cpu_s, difference, interleave, until_idle
from tests.bench.report.render_report import OURS, PLAYWRIGHT, RAW, Block, section_of
from tests.bench.report.report import Section


@dataclass(frozen=True, slots=True)
class PageCase:
    """One page.

    Attributes:
        name: in the report.
        path: on the test site.
        count: renders in a block; more of cheap pages, because CPU time is counted in ticks of 10 ms.
        full_page: whether the picture is of the whole page, or of the window.
    """

    name: str
    path: str
    count: int
    full_page: bool = False


PAGES: Final = (
    PageCase("tiny", "/tiny", 16),
    PageCase("photos", "/photo", 10),
    PageCase("dashboard", "/dashboard", 10),
    PageCase("long document", "/long", 10),
    PageCase("long, full page", "/long?n=100", 4, full_page=True),
)
_WAIT_S: Final = 60


@dataclass(frozen=True, slots=True)
class Service:
    """The whole service, ready to render."""

    product: Product
    api: Api
    worker: ChildProcess

    async def render(self, url: str, page: PageCase, count: int) -> Block:
        """Submit `count` jobs one after the other, and wait for the end of each."""
        document = {"url": url, "full_page": True} if page.full_page else {"url": url}
        request = self.api.request("POST", "/v1/jobs", document=document, prefer=f"wait={_WAIT_S}")
        engines = self.product.engine_pids
        before = self._reading()
        caller = await self.api.connect()  # uvicorn closes a connection that is idle for 5 s
        answers, walls_ms = [], []
        for _ in range(count):
            started = time.perf_counter()
            answers.append(await caller.call(request))
            walls_ms.append((time.perf_counter() - started) * 1000)
        caller.close()
        await until_idle(self.worker.pid, self.api.child.pid)
        spent = {name: cpu / count * 1000 for name, cpu in difference(before, self._reading()).items()}
        jobs = [answer.json() for answer in answers]
        for answer, job in zip(answers, jobs, strict=True):
            if answer.status != HTTPStatus.OK or job["status"] != "succeeded":
                raise ProductError(f"A render did not succeed: {answer.status} {job}")
        parts_ms = {name: cpu for name, cpu in spent.items() if name not in engines}
        return Block(
            wall_ms=sorted(walls_ms)[count // 2],
            cpu_ms=sum(parts_ms.values()),
            parts_ms=parts_ms,
            size_bytes=jobs[-1]["artifact"]["size_bytes"],
            engines_ms={name: spent[name] for name in engines},
        )

    def _reading(self) -> dict[str, float]:
        engines = {name: cpu_s(pid) for name, pid in self.product.engine_pids.items()}
        return {**cpu_by_part(self.worker.pid), "API": cpu_s(self.api.child.pid), **engines}


async def run(bench: Bench) -> Section:
    """Measure, and make the section."""
    async with AsyncExitStack() as stack:
        site = await stack.enter_async_context(
            responder(
                "tests.bench.clients.serve", environment=environment_of(bench), log=bench.folder / "site.log"
            )
        )
        address = f"http://{LOOPBACK}:{site.ready['port']}"
        service = await start_service(stack, bench, site.ready["port"])
        others = {
            RAW: await start_contender(stack, bench, "raw"),
            PLAYWRIGHT: await start_contender(stack, bench, "playwright"),
        }
        idle = await _idle(bench, service, others)
        blocks = {}
        for page in PAGES:
            blocks[page.name] = await _compare(bench, service, others, page, address + page.path)
    return section_of(bench, idle, blocks)


def environment_of(bench: Bench) -> dict[str, str]:
    """Variables for processes that are not the product's, in the same folder."""
    return clean_environment(HOME=str(bench.folder), TMPDIR=str(bench.folder))


async def start_service(stack: AsyncExitStack, bench: Bench, site_port: int, **settings: str) -> Service:
    """The service with one worker, which may reach the site; `settings` are those of `Product.start`."""
    allow = f"{LOOPBACK}:{site_port}"
    product = await stack.enter_context(
        Product.start(bench.folder, egress_allow=allow, **settings)
    ).migrated()
    api = stack.enter_context(product.api())
    worker = stack.enter_context(product.worker())
    await product.api_ready(api)
    await product.worker_ready(worker)
    return Service(product, api, worker)


async def start_contender(stack: AsyncExitStack, bench: Bench, kind: str) -> Responder:
    """One of `tests/bench/browsers/contender.py`."""
    words = (kind, str(find_chromium().executable), str(bench.folder))
    log = bench.folder / f"{kind}.log"
    return await stack.enter_async_context(
        responder("tests.bench.browsers.contender", *words, environment=environment_of(bench), log=log)
    )


async def _idle(bench: Bench, service: Service, others: dict[str, Responder]) -> dict[str, float]:
    """CPU milliseconds per second of all processes while they are idle."""
    pids = {
        "worker": service.worker.pid,
        "API": service.api.child.pid,
        **service.product.engine_pids,
        **{name: contender.pid for name, contender in others.items()},
    }
    await until_idle(*pids.values())
    seconds = bench.pick(60, 2)  # what a worker does once a minute is part of it
    bench.say(f"idle for {seconds} s")
    before = {name: cpu_s(pid) for name, pid in pids.items()}
    await asyncio.sleep(seconds)
    return {name: (cpu_s(pid) - before[name]) / seconds * 1000 for name, pid in pids.items()}


async def _compare(
    bench: Bench, service: Service, others: dict[str, Responder], page: PageCase, url: str
) -> dict[str, list[Block]]:
    count = bench.pick(page.count, 2)

    def ours() -> Awaitable[Block]:
        return service.render(url, page, count)

    def other(contender: Responder) -> Callable[[], Awaitable[Block]]:
        return lambda: _render(contender, page, url, count)

    contenders = {OURS: ours, **{name: other(contender) for name, contender in others.items()}}
    for contender in contenders.values():
        await contender()  # the first render of a page costs more: code caches, fonts, pictures
    rounds = bench.pick(6, 2)
    return await interleave(contenders, rounds=rounds, tell=bench.teller(page.name, rounds))


async def _render(contender: Responder, page: PageCase, url: str, count: int) -> Block:
    before = cpu_by_part(contender.pid)
    answer = await contender.ask(url=url, full_page=page.full_page, count=count)
    await until_idle(contender.pid)
    spent = difference(before, cpu_by_part(contender.pid))
    parts_ms = {name: cpu / count * 1000 for name, cpu in spent.items()}
    return Block(
        wall_ms=sorted(answer["walls_ms"])[count // 2],
        cpu_ms=sum(parts_ms.values()),
        parts_ms=parts_ms,
        size_bytes=answer["size_bytes"],
    )
