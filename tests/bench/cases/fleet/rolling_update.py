"""All workers and API processes replaced one by one under load: what callers notice."""

import asyncio
import time
from contextlib import AsyncExitStack, ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Final

import asyncpg

from tests.bench.cases.case import Bench
from tests.bench.clients.product import Api, Product
from tests.bench.clients.slow_site import slow_site
from tests.bench.report.measure import figure, percentile
from tests.bench.report.report import Aim, Section, Table

_WORKERS: Final = 3
_APIS: Final = 2
_CALLS_PER_S: Final = 40
_RENDERS_PER_S: Final = 2
_MOST_TIMES: Final = 2.0
_UNFINISHED: Final = "SELECT count(*) FROM jobs WHERE external_id = 'render' AND finished_at IS NULL"
_OTHERWISE: Final = "SELECT count(*) FROM jobs WHERE external_id = 'render' AND state <> 'succeeded'"


@dataclass(slots=True)
class Callers:
    """Calls at a steady rate to those API processes that take part, as a load balancer makes them.

    Attributes:
        taking: the processes that get calls.
        latencies_ms: of the calls so far.
        failures: what callers were told instead of 202, or that they found nobody.
    """

    taking: list[Api] = field(default_factory=list)
    latencies_ms: list[float] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)
    _calls: set[asyncio.Task[None]] = field(default_factory=set)

    async def run(self, url: str) -> None:
        """Call until cancelled. Most jobs are for tomorrow: they cost no renders."""
        tomorrow = (datetime.now(UTC) + timedelta(days=1)).isoformat()
        later = {"url": url, "run_at": tomorrow}
        render = {"url": url, "external_id": "render"}
        number = 0
        while True:
            api = self.taking[number % len(self.taking)]
            document = render if number % (_CALLS_PER_S // _RENDERS_PER_S) == 0 else later
            call = asyncio.create_task(self._call(api, document))
            self._calls.add(call)
            call.add_done_callback(self._calls.discard)
            number += 1
            await asyncio.sleep(1 / _CALLS_PER_S)

    async def answered(self) -> None:
        """Wait for the calls that are open now."""
        await asyncio.gather(*self._calls)

    async def _call(self, api: Api, document: dict[str, str]) -> None:
        started = time.perf_counter()
        try:
            caller = await api.connect()
            try:
                answer = await caller.call(api.request("POST", "/v1/jobs", document=document))
            finally:
                caller.close()
        except OSError as error:
            self.failures.append(repr(error))
            return
        self.latencies_ms.append((time.perf_counter() - started) * 1000)
        if answer.status != HTTPStatus.ACCEPTED:
            self.failures.append(str(answer.status))

    def taken(self) -> list[float]:
        """The latencies since the last look."""
        found, self.latencies_ms = self.latencies_ms, []
        return found


async def run(bench: Bench) -> Section:
    """Measure, and make the section."""
    settings = {"EGRESS_ALLOW": "127.0.0.1", "BROWSER_MAX_PAGES": "4"}
    callers = Callers()
    async with AsyncExitStack() as stack:
        url = await stack.enter_async_context(slow_site(2.0))
        product = await stack.enter_context(Product.start(bench.folder, **settings)).migrated()
        connection = await asyncpg.connect(product.database_url)
        stack.push_async_callback(connection.close)
        apis = [await _api(product, stack, f"api-{number}") for number in range(_APIS)]
        workers = [stack.enter_context(ExitStack()) for _ in range(_WORKERS)]
        await product.workers_ready([worker.enter_context(product.worker()) for worker in workers])
        callers.taking = [api for api, _ in apis]
        calling = asyncio.create_task(callers.run(url))
        await asyncio.sleep(bench.pick(20, 3))
        steady = callers.taken()
        bench.say("steady, now replacing")
        for worker in workers:
            fresh = stack.enter_context(product.worker())
            await product.workers_ready([fresh], besides=_WORKERS)
            await asyncio.to_thread(worker.close)
        for number, (old, closing) in enumerate(apis):
            fresh_api, _ = await _api(product, stack, f"api-new-{number}")
            callers.taking = [fresh_api, *(api for api in callers.taking if api is not old)]
            await callers.answered()
            await asyncio.to_thread(closing.close)
        rolling = callers.taken()
        calling.cancel()
        await callers.answered()
        while await connection.fetchval(_UNFINISHED):  # noqa: ASYNC110 - no event tells of it
            await asyncio.sleep(0.2)
        failed = await connection.fetchval(_OTHERWISE)
        renders = await connection.fetchval("SELECT count(*) FROM jobs WHERE external_id = 'render'")
    return _section(steady, rolling, callers.failures, failed, renders)


async def _api(product: Product, stack: AsyncExitStack, name: str) -> tuple[Api, ExitStack]:
    own = stack.enter_context(ExitStack())
    api = own.enter_context(product.api(name))
    await product.api_ready(api)
    return api, own


def _section(
    steady: list[float], rolling: list[float], failures: list[str], failed: int, renders: int
) -> Section:
    section = Section("Rolling update: three workers and two API processes replaced under load")
    times = percentile(rolling, 99) / percentile(steady, 99)
    section.aims = [
        Aim("rolling update: no job fails", f"{failed} of {renders}", failed == 0),
        Aim(
            "rolling update: no call is refused",
            f"{len(failures)} of {len(steady) + len(rolling)}",
            not failures,
        ),
        Aim(
            f"rolling update: p99 of POST at most {_MOST_TIMES:g} times",
            f"{figure(times)} times",
            times <= _MOST_TIMES,
        ),
    ]
    section.parts.append(
        f"{_CALLS_PER_S} POSTs a second, each by a connection of its own, in turn to the API processes "
        f"that take part; {_RENDERS_PER_S} a second are pages that wait 2 s. A new process is ready before "
        "the old one gets no more calls, and then SIGTERM. What starts uses the same cores."
    )
    rows = [
        (name, str(len(values)), *(figure(percentile(values, percent)) for percent in (50, 90, 99, 100)))
        for name, values in (("steady", steady), ("while all are replaced", rolling))
    ]
    section.parts.append(Table(("POST, ms", "calls", "p50", "p90", "p99", "max"), rows))
    return section
