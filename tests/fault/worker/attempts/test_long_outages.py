"""What outlasts a lease, and what forgets everything: nothing runs again in masses, nothing is forgotten."""

import asyncio
from datetime import UTC, datetime, timedelta

from fleet.jobs.job import State
from fleet.queue.arq_adapter import QUEUE
from tests.kit.patience import PATIENCE_S
from tests.kit.stages.stage import Stage

LEASE_S = 2.0


async def test_a_postgres_that_was_away_for_longer_than_a_lease_costs_no_attempt(stage: Stage) -> None:
    async with stage.worker("one", LEASE_S=f"{LEASE_S}"), stage.worker("two", LEASE_S=f"{LEASE_S}"):
        running = [await stage.enqueue(url=stage.gate.url) for _ in range(4)]
        await stage.gate.visited(4)
        stage.engines.postgres.kill()
        killed_at = datetime.now(UTC)  # no lease was renewed later
        await asyncio.sleep(1.5 * LEASE_S)  # a lease is over when its time is over, and nobody says so
        await asyncio.to_thread(stage.engines.postgres.start)
        away = await stage.database.fetchval("SELECT now()") - killed_at
        # Sweeps of half a second go by: any of them would take the jobs away, were it not patient.
        async with asyncio.timeout(PATIENCE_S):
            while await stage.database.fetchval("SELECT bool_or(lease_until < now()) FROM jobs"):  # noqa: ASYNC110 - rows
                await asyncio.sleep(0.05)
        stage.gate.open()
        ends = [await stage.ended(job) for job in running]
    assert away > timedelta(seconds=LEASE_S)
    assert [(job.state, job.attempt) for job in ends] == [(State.SUCCEEDED, 1)] * 4
    assert stage.gate.visits == 4


async def test_a_flush_loses_neither_queued_nor_running_nor_delayed_jobs(stage: Stage) -> None:
    async with stage.worker("worker", BROWSER_MAX_PAGES="1"):
        running = await stage.enqueue(url=stage.gate.url)
        await stage.gate.visited()
        queued = [await stage.enqueue(html=f"<p>{number}</p>") for number in range(4)]
        due = datetime.now(UTC) + timedelta(seconds=2)
        delayed = await stage.enqueue(html="<p>later</p>", run_at=due)
        assert await stage.redis.zcard(QUEUE) == len(queued)
        await stage.redis.flushdb()
        stage.gate.open()
        ends = [await stage.ended(job) for job in (running, *queued, delayed)]
    assert [(job.state, job.attempt) for job in ends] == [(State.SUCCEEDED, 1)] * 6
    started_at = ends[-1].started_at
    assert started_at is not None
    assert started_at >= due
