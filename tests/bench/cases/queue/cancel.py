"""(h) How long a cancel takes: from DELETE to the freed slot, of a job whose page is being loaded."""

import time
from contextlib import AsyncExitStack
from http import HTTPStatus
from typing import Final

from tests.bench.cases.case import Bench
from tests.bench.clients.caller import Caller
from tests.bench.clients.product import Api, Product, ProductError
from tests.bench.report.measure import figure, percentile
from tests.bench.report.report import Aim, Section, Table
from tests.kit.stages.gate import Gate, gate

_AIM_MS: Final = 1000.0


async def run(bench: Bench) -> Section:
    """Measure, and make the section."""
    count = bench.pick(100, 5)
    async with AsyncExitStack() as stack:
        settings = {"EGRESS_ALLOW": "127.0.0.1", "BROWSER_MAX_PAGES": "1"}
        product = await stack.enter_context(Product.start(bench.folder, **settings)).migrated()
        api = stack.enter_context(product.api())
        worker = stack.enter_context(product.worker())
        await product.api_ready(api)
        await product.worker_ready(worker)
        caller = await api.connect()
        stack.callback(caller.close)
        held = await stack.enter_async_context(gate())
        path = await _post(api, caller, held)
        await held.visited()
        answered_ms, freed_ms = [], []
        for number in range(1, count + 1):
            following = await _post(api, caller, held)
            started = time.perf_counter()
            answer = await caller.call(api.request("DELETE", path))
            answered_ms.append((time.perf_counter() - started) * 1000)
            if answer.json().get("status") != "cancelled":
                raise ProductError(f"A job was not cancelled within a second: {answer.body!r}")
            await held.visited(number + 1)
            freed_ms.append((time.perf_counter() - started) * 1000)
            path = following
        await caller.call(api.request("DELETE", path))
    return _section({"answered: cancelled": answered_ms, "the next job's page is asked for": freed_ms})


async def _post(api: Api, caller: Caller, held: Gate) -> str:
    answer = await caller.call(api.request("POST", "/v1/jobs", document={"url": held.url}))
    if answer.status != HTTPStatus.ACCEPTED:
        raise ProductError(f"A POST was answered with {answer.status}: {answer.body!r}")
    return str(answer.json()["links"]["self"])


def _section(series: dict[str, list[float]]) -> Section:
    freed_ms = series["the next job's page is asked for"]
    worst = max(freed_ms)
    section = Section(
        "Cancel: from DELETE to the freed slot",
        aims=[Aim(f"a freed slot within {_AIM_MS:g} ms", f"{figure(worst)} ms at worst", worst <= _AIM_MS)],
    )
    section.parts.append(
        f"{len(freed_ms)} jobs, one after the other, on a worker with one slot. Each waits for a page that "
        "is never served when it is cancelled, and the next one is queued behind it. The second row ends "
        "when the server of the page sees the next job's request: the slot is free and taken again."
    )
    rows = [
        (name, *(figure(percentile(values, percent)) for percent in (50, 90, 99, 100)))
        for name, values in series.items()
    ]
    section.parts.append(Table(("ms", "p50", "p90", "p99", "max"), rows))
    return section
