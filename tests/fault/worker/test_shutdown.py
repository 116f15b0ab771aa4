"""SIGTERM to a worker with a short and a long job, and a second one for who cannot wait."""

import signal

from fleet.jobs.job import State
from tests.kit.stages.stage import Stage


async def test_the_short_job_ends_and_the_second_signal_hands_the_long_one_back(stage: Stage) -> None:
    async with stage.worker("first", SHUTDOWN_GRACE_S="60", LEASE_S="60") as first:
        jobs = [await stage.enqueue(url=stage.gate.url, max_attempts=1) for _ in range(2)]
        await stage.gate.visited(2)
        first.send(signal.SIGTERM)
        await first.logged("stopping")
        stage.gate.let_one_in()
        await first.logged("job ended")
        first.send(signal.SIGTERM)
        assert await first.ended() == 0  # long before the grace time is over
    stage.gate.open()
    async with stage.worker("second"):
        ends = [await stage.ended(job) for job in jobs]
    assert [job.state for job in ends] == [State.SUCCEEDED] * 2
    outcomes = sorted([await stage.outcomes(job) for job in jobs])
    assert outcomes == [["handed_back", "succeeded"], ["succeeded"]]


async def test_at_the_end_of_the_grace_time_the_long_job_is_handed_back(stage: Stage) -> None:
    async with stage.worker("first", SHUTDOWN_GRACE_S="1", LEASE_S="60") as first:
        jobs = [await stage.enqueue(url=stage.gate.url, max_attempts=1) for _ in range(2)]
        await stage.gate.visited(2)
        first.send(signal.SIGTERM)
        await first.logged("stopping")
        stage.gate.let_one_in()
        assert await first.ended() == 0
    stage.gate.open()
    async with stage.worker("second"):
        ends = [await stage.ended(job) for job in jobs]
    assert [job.state for job in ends] == [State.SUCCEEDED] * 2
    outcomes = sorted([await stage.outcomes(job) for job in jobs])
    assert outcomes == [["handed_back", "succeeded"], ["succeeded"]]
