"""A worker whose wall clock jumps keeps its leases, takes nobody else's, and goes on rendering."""

import signal

import pytest

from fleet.jobs.job import State
from tests.kit.processes import started
from tests.kit.stages.stage import Stage

JUMPS = {"ahead": signal.SIGUSR1, "back": signal.SIGUSR2}


@pytest.mark.parametrize("jump", JUMPS)
async def test_an_hour_is_no_lost_lease(stage: Stage, jump: str) -> None:
    words = ("tests.kit.jumping_clock", "worker")
    async with started(*words, environment=stage.environment(), log=stage.folder / "jumps.log") as jumping:
        await jumping.logged("worker ready")
        job = await stage.enqueue(url=stage.gate.url)
        await stage.gate.visited()
        async with stage.worker("steady"):
            other = await stage.enqueue(url=stage.gate.url)
            await stage.gate.visited(2)
            jumping.send(JUMPS[jump])
            await stage.beats(8)  # longer than a lease without renewals
            stage.gate.open()
            ends = [await stage.ended(job), await stage.ended(other)]
        after = await stage.ended(await stage.enqueue(html="<p>after the jump</p>"))
    assert [(done.state, done.attempt) for done in (*ends, after)] == [(State.SUCCEEDED, 1)] * 3
