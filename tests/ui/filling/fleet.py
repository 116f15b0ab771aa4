"""Workers and jobs of a busy fleet."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from fleet.workers import registry
from fleet.workers.registry import WorkerReport
from fleet.workers.vitals import BrowserVitals, MemoryVitals, Sandbox, Vitals
from tests.ui.kit.dashboard import Dashboard


async def fill(dashboard: Dashboard) -> dict[str, str]:
    """Three workers: one that works, one that holds, one with far more memory than the others."""
    first = ""
    for number, (holds, resting_mb) in enumerate(
        [([], 300), (["its disk is nearly full"], 310), ([], 305), ([], 900)]
    ):
        vitals = Vitals(
            holds=holds,
            cpu_percent=112.5,
            sandbox=Sandbox.ON,
            memory=MemoryVitals(
                rss_bytes=900 * 2**20,
                resting_bytes=resting_mb * 2**20,
                limit_bytes=4 * 2**30,
                used_bytes=(number + 1) * 2**30,
                free_bytes=(3 - number) * 2**30,
            ),
            browser=BrowserVitals(renders=120, renders_total=800, recycles={"age": 3}),
        )
        worker_id = uuid4()
        first = first or str(worker_id)
        await registry.report(
            dashboard.stage.database,
            WorkerReport(
                id=worker_id,
                hostname=f"render-{number}.eu-central.internal.example.com",
                pid=1,
                slots=4,
                busy=number,
                browser_generation=3,
                browser_launched_at=datetime.now(UTC) - timedelta(minutes=20),
                vitals=vitals,
            ),
        )
    await _past(dashboard, first)
    await keep_present(dashboard)
    return {"worker_id": first}


async def keep_present(dashboard: Dashboard) -> None:
    """Nobody reports for these workers again; they must not be left out after half a minute."""
    await dashboard.stage.database.execute("UPDATE workers SET last_seen_at = now() + interval '1 hour'")


# Six hours in which more and more fails, and waits.
_ENDED = """
    INSERT INTO history_minutes (tenant_id, minute, state, error_type, jobs, total, queued)
    SELECT tenant_id, now - n * interval '1 min', state, error_type, jobs * (3 + sin(n / 40.0) * 2),
           '{"40": 30, "44": 3}', '{"14": 30, "25": 3}'
    FROM (SELECT date_trunc('minute', now()) AS now) AS clock, generate_series(1, 400) AS n,
         (VALUES ('succeeded', '', 20), ('failed', 'navigation_timeout', 1), ('cancelled', '', 1))
             AS kinds (state, error_type, jobs),
         (VALUES (NULL::uuid), ($1::uuid)) AS whose (tenant_id)
    WHERE state = 'succeeded' OR n % 7 = 0
"""
_SAMPLED = """
    INSERT INTO history_fleet (minute, queued, oldest_queued_s, running, workers, slots, memory_bytes)
    SELECT date_trunc('minute', now()) - n * interval '1 min', 40 + 30 * cos(n / 50.0), 3 + n % 5,
           10 + 4 * sin(n / 30.0), 4, 16, jsonb_build_object($1::text, (500 + n) << 20)
    FROM generate_series(1, 400) AS n WHERE n NOT BETWEEN 200 AND 230
"""


async def _past(dashboard: Dashboard, worker_id: str) -> None:
    database = dashboard.stage.database
    # No hour is summed yet, so that the minutes are read.
    await database.execute(
        "UPDATE history_progress SET counted_until = date_trunc('minute', now()), "
        "summed_until = date_trunc('hour', now() - interval '31 days')"
    )
    await database.execute(_ENDED, dashboard.stage.tenant_id)
    await database.execute(_SAMPLED, worker_id)
