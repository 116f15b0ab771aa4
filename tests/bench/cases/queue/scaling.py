"""How well the rule for the number of workers does: simulated callers, measured renders, and other rules."""

import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from typing import Final

from deploy.embedded.engines.engine import clean_environment
from fleet.capacity.demand import count_tenants
from fleet.database import Database, DatabaseSettings
from tests.bench.cases.case import Bench
from tests.bench.clients.product import Product, find_chromium
from tests.bench.clients.responder import responder
from tests.bench.report.measure import Spread, percentile
from tests.bench.report.report import Section, Table
from tests.bench.simulation.jobs import FLOOD_CAP, NETWORK_S, USUAL, Load, MeasuredRender, loads
from tests.bench.simulation.scalers import Autoscaler, Scaler, by_cpu, by_our_rule, by_the_future
from tests.bench.simulation.simulated_fleet import (
    LOOK_EVERY_S,
    MOST_WORKERS,
    SLOTS_EACH,
    START_S,
    Outcome,
    SimulatedFleet,
)

_PAGES: Final = ("/long?n=30", "/dashboard", "/photo")
_LOADS: Final = (
    "Steady: 3 jobs a second for two hours. Diurnal: from 0.2 to 5 jobs a second and back within {hours} "
    "hours. Burst: 10,000 jobs at once beside 0.5 a second, for an hour. Flood: one tenant sends 10,000 "
    f"jobs at once, of which {FLOOD_CAP} may run at a time; the waits are those of another tenant, which "
    "sends 2 a second."
)
_CPU: Final = (
    "With one core requested for each slot, pages that wait for the network never reach the aim of 70 %, and "
    "the fleet stays at one worker. With requests that fit these pages exactly, CPU says only that the slots "
    "are full and not how much waits, so it adds workers later, and keeps 30 % of the slots idle."
)
_OFTEN: Final = "An API process does it at most every 5 s, and less often if it takes longer than 100 ms."
_MANY: Final = 10**6
_TENANTS: Final = 100
_FILL: Final = """
    WITH made AS (
        INSERT INTO tenants (id, name) SELECT gen_random_uuid(), 'tenant ' || n
        FROM generate_series(1, $1::integer) AS n RETURNING id
    )
    INSERT INTO jobs (id, tenant_id, request, request_digest, max_attempts)
    SELECT gen_random_uuid(), made.id, '{}', '\\x00', 3 FROM made, generate_series(1, $2::integer)
"""


async def run(bench: Bench) -> Section:
    """Measure, simulate, and make the section."""
    renders = await _measure(bench)
    counting = await _counting_ms(bench)
    rows = []
    for load in loads(renders, hours=bench.pick(24, 1)):
        for name, outcome in _outcomes(bench, load):
            rows.append(_row(load, name, outcome))
    return _section(bench, renders, rows, counting)


async def _measure(bench: Bench) -> list[MeasuredRender]:
    environment = clean_environment(HOME=str(bench.folder), TMPDIR=str(bench.folder))
    log = bench.folder / "renders.log"
    found = []
    async with responder(
        "tests.bench.browsers.renders", str(find_chromium().executable), environment=environment, log=log
    ) as renderer:
        for number in range(bench.pick(20, 2)):
            for path in _PAGES:
                shot = await renderer.ask(path=path, options={})
                if number:  # the first of each page fills caches
                    found.append(MeasuredRender(shot["wall_ms"] / 1000, shot["cpu_ms"] / 1000))
    bench.say(f"{len(found)} renders measured")
    return found


async def _counting_ms(bench: Bench) -> dict[int, Spread]:
    """What it takes to count the open jobs, with an empty queue and a long one."""
    found = {}
    async with AsyncExitStack() as stack:
        product = await stack.enter_context(Product.start(bench.folder)).migrated()
        settings = DatabaseSettings(database_url=product.database_url)
        database = await Database.open(settings, application="bench")
        stack.push_async_callback(database.close)
        each = bench.pick(1_000, 100)
        for queued in (0, _TENANTS * each):
            if queued:
                await database.execute(_FILL, _TENANTS, each)
                await database.execute("VACUUM ANALYZE jobs")
            took_ms = []
            for _ in range(bench.pick(20, 3)):
                began = time.perf_counter()
                await count_tenants(database, max_running=None)
                took_ms.append((time.perf_counter() - began) * 1000)
            found[queued] = Spread.of(took_ms)
    return found


def _outcomes(bench: Bench, load: Load) -> list[tuple[str, Outcome]]:
    endless = SimulatedFleet(load, workers=_MANY, most_workers=_MANY, start_s=0).run(lambda _: _MANY)
    of_slot = sum(job.cpu_s for job in load.jobs) / sum(job.service_s for job in load.jobs)
    scalers: dict[str, tuple[Scaler, float]] = {
        "knows the future": (by_the_future(endless.jobs_by_look), 0.0),
        "suggested_replicas": (Autoscaler(by_our_rule), START_S),
        "CPU, requests fitted to these pages": (Autoscaler(by_cpu(of_slot)), START_S),
        "CPU, one core requested a slot": (Autoscaler(by_cpu(1.0)), START_S),
    }
    found = []
    for name, (scaler, start_s) in scalers.items():
        found.append((name, SimulatedFleet(load, start_s=start_s).run(scaler)))
        bench.say(f"{load.name}, {name}")
    return found


def _row(load: Load, name: str, outcome: Outcome) -> tuple[str, ...]:
    waits_s = outcome.waits_s[USUAL]
    return (
        f"{load.name}: {name}",
        *(f"{percentile(waits_s, percent):,.1f}" for percent in (50, 95, 100)),
        f"{outcome.utilisation * 100:.0f} %",
        f"{outcome.paid_s / 3600:.1f}",
        str(outcome.most_workers),
    )


def _section(
    bench: Bench,
    renders: Sequence[MeasuredRender],
    rows: Sequence[tuple[str, ...]],
    counting: dict[int, Spread],
) -> Section:
    section = Section("Scaling: how many workers, by which rule")
    section.parts = [
        _method(renders),
        _LOADS.format(hours=bench.pick(24, 1)),
        Table(
            ("load: rule", "wait p50, s", "p95", "longest", "slots in use", "worker-hours", "most workers"),
            rows,
        ),
        _CPU,
        "Counting the open jobs of all tenants, for `/scaling`, `/metrics` and `GET /v1/fleet`, takes: "
        + "; ".join(f"{spread} ms with {queued:,} queued jobs" for queued, spread in counting.items())
        + f" (of {_TENANTS} tenants). {_OFTEN}",
    ]
    return section


def _method(renders: Sequence[MeasuredRender]) -> str:
    wall = Spread.of(one.wall_s * 1000 for one in renders)
    cpu = Spread.of(one.cpu_s * 1000 for one in renders)
    network = ", ".join(f"{one:g}" for one in NETWORK_S)
    return (
        f"Simulated: callers, a fleet of workers with {SLOTS_EACH} slots each, and autoscalers that look "
        f"every {LOOK_EVERY_S:g} s. A worker needs {START_S:g} s to start; there are never more than "
        f"{MOST_WORKERS}. Measured: what a job computes. {len(renders)} renders of three pages took {wall} "
        f"ms and {cpu} ms of CPU. Each simulated job is one of them, and waits for the network besides, "
        f"one of {network} s. The rule is the product's own (`fleet/capacity/rule.py`), behind the same "
        "autoscaler as CPU: Kubernetes' with its defaults. Who knows the future has each worker at once, "
        "and only while it is needed."
    )
