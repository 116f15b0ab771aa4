"""(c) How long a job waits for an idle worker: from its commit to its claim."""

import asyncio
import random
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Final
from uuid import UUID

import asyncpg

from tests.bench.cases.case import Bench
from tests.bench.clients.caller import Caller
from tests.bench.clients.product import Api, Product, ProductError
from tests.bench.report.measure import figure, percentile
from tests.bench.report.plots import distribution
from tests.bench.report.report import Aim, Plot, Section, Table

_HTML: Final = "<!doctype html><title>tiny</title><h1>Hello</h1>"
_AIM_P50_MS: Final = 5.0
_AIM_P99_MS: Final = 20.0
_WAIT_S: Final = 60
# Long enough for the worker to close the last page and make the next one. It is random, so that jobs are not
# synchronised with the worker's timers.
_PAUSE_S: Final = (0.1, 0.25)
_TELL_EVERY: Final = 50

# now() is the start of a transaction. Both transactions have one statement: the INSERT that accepts the job,
# and the UPDATE that claims it.
_PICKUPS: Final = """
    SELECT j.id, extract(epoch FROM a.started_at - j.queued_at)::float8 * 1000 AS pickup_ms, a.started_at
    FROM jobs j JOIN attempts a ON a.job_id = j.id AND a.attempt = 1
"""


async def run(bench: Bench) -> Section:
    """Measure, and make the section."""
    count = bench.pick(200, 20)
    async with AsyncExitStack() as stack:
        product = await stack.enter_context(Product.start(bench.folder)).migrated()
        api = stack.enter_context(product.api())
        worker = stack.enter_context(product.worker())
        await product.api_ready(api)
        await product.worker_ready(worker)
        caller = await api.connect()
        stack.callback(caller.close)
        await _post(api, caller)  # the first call opens connections
        calls = {}
        for number in range(1, count + 1):
            if number % _TELL_EVERY == 0 or number == count:
                bench.say(f"job {number} of {count}")
            await asyncio.sleep(random.uniform(*_PAUSE_S))  # noqa: S311 - spreads the jobs in time
            job_id, sent_at, answered_ms = await _post(api, caller)
            calls[job_id] = (sent_at, answered_ms)
        connection = await asyncpg.connect(product.database_url)
        try:
            rows = await connection.fetch(_PICKUPS)
        finally:
            await connection.close()
    claims = {row["id"]: row for row in rows}
    pickups_ms = [claims[job_id]["pickup_ms"] for job_id in calls]
    seen_ms = [
        (claims[job_id]["started_at"] - sent_at).total_seconds() * 1000
        for job_id, (sent_at, _) in calls.items()
    ]
    series = {
        "pickup": pickups_ms,
        "seen by the caller": seen_ms,
        "202 after": [answered_ms for _, answered_ms in calls.values()],
    }
    return _section(bench, series)


async def _post(api: Api, caller: Caller) -> tuple[UUID, datetime, float]:
    """Submit a job and wait for its end; when it was sent, and how many milliseconds its 202 took."""
    request = api.request("POST", "/v1/jobs", document={"html": _HTML})
    sent_at, started = datetime.now(UTC), time.perf_counter()
    answer = await caller.call(request)
    answered_ms = (time.perf_counter() - started) * 1000
    if answer.status != HTTPStatus.ACCEPTED:
        raise ProductError(f"A POST was answered with {answer.status}: {answer.body!r}")
    job_id = UUID(answer.json()["id"])
    ended = await caller.call(api.request("GET", f"/v1/jobs/{job_id}?wait={_WAIT_S}"))
    if ended.json().get("status") != "succeeded":
        raise ProductError(f"A job did not succeed: {ended.body!r}")
    return job_id, sent_at, answered_ms


def _section(bench: Bench, series: dict[str, list[float]]) -> Section:
    pickups_ms = series["pickup"]
    p50, p99 = percentile(pickups_ms, 50), percentile(pickups_ms, 99)
    section = Section(
        "Pickup: from the commit of a job to its claim by an idle worker",
        aims=[
            Aim(f"pickup p50 at most {_AIM_P50_MS:g} ms", f"{figure(p50)} ms", p50 <= _AIM_P50_MS),
            Aim(f"pickup p99 at most {_AIM_P99_MS:g} ms", f"{figure(p99)} ms", p99 <= _AIM_P99_MS),
        ],
    )
    section.parts.append(
        f"{len(pickups_ms)} jobs of a few words of HTML, one after the other, each to a worker that has been "
        f"idle for {_PAUSE_S[0] * 1000:.0f} to {_PAUSE_S[1] * 1000:.0f} ms. *Pickup* is the difference of "
        "two times of the database's clock: `jobs.queued_at`, when the INSERT that accepts the job starts, "
        "and `attempts.started_at`, when the claim starts. So it contains the INSERT and its COMMIT, the "
        "way through Redis, and the worker's waking up, and is more than what lies between COMMIT and claim "
        "alone. *Seen by the caller* is the time from sending the POST to the same claim (both clocks are "
        "this machine's)."
    )
    rows = [
        (name, *(figure(percentile(values, percent)) for percent in (50, 90, 99, 100)))
        for name, values in series.items()
    ]
    section.parts.append(Table(("ms", "p50", "p90", "p99", "max"), rows))
    plot = distribution(
        bench.plots / "pickup.png", title="Pickup by an idle worker", unit="ms", series=series
    )
    section.parts.append(Plot(plot, "distribution of pickup times"))
    return section
