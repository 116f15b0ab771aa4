"""Postgres' disk is full for a while: a worker goes on, keeps what it has, and records it afterwards."""

from fleet.jobs.job import State
from tests.kit.faults.full_database import full_database
from tests.kit.stages.stage import Stage


async def test_a_worker_waits_until_postgres_has_room_and_loses_nothing(stage: Stage) -> None:
    async with stage.worker("worker", LEASE_S="60") as process:
        rendering = await stage.enqueue(url=stage.gate.url)
        await stage.gate.visited()
        async with full_database(stage.database, "UPDATE ON jobs"):
            stage.gate.open()
            waiting = await stage.enqueue(html="<p>waiting</p>")
            for words in ("cannot record yet", "cannot claim", "leases not renewed"):
                await process.logged(words)
        ends = [await stage.ended(job) for job in (rendering, waiting)]
        assert process.process.returncode is None
        assert [line["level"] for line in process.lines() if line["level"] in ("error", "critical")] == []
    assert [(job.state, job.attempt) for job in ends] == [(State.SUCCEEDED, 1)] * 2
