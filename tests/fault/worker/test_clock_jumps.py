"""A worker whose wall clock jumps keeps its leases, takes nobody else's, and goes on rendering."""

import signal

from fleet.jobs.job import State
from tests.kit.processes import started
from tests.kit.stages.stage import Stage

AHEAD, BACK = signal.SIGUSR1, signal.SIGUSR2
# Heartbeats that take longer than a lease lasts without renewals.
LONG = 8


async def test_an_hour_ahead_and_two_back_are_no_lost_lease(stage: Stage) -> None:
    words = ("tests.kit.faults.jumping_clock", "worker")
    async with started(*words, environment=stage.environment(), log=stage.folder / "jumps.log") as jumping:
        await jumping.logged("worker ready")
        jobs = [await stage.enqueue(url=stage.gate.url)]
        await stage.gate.visited()
        async with stage.worker("steady"):
            jobs += [await stage.enqueue(url=stage.gate.url)]
            await stage.gate.visited(2)
            for jump, beats in ((AHEAD, LONG), (BACK, 2), (BACK, LONG)):
                jumping.send(jump)
                await stage.beats(beats)
            stage.gate.open()
            ends = [await stage.ended(job) for job in jobs]
        after = await stage.ended(await stage.enqueue(html="<p>after the jumps</p>"))
    assert [(done.state, done.attempt) for done in (*ends, after)] == [(State.SUCCEEDED, 1)] * 3
