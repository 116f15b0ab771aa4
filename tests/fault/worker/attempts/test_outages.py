"""Whatever dies in the middle of a render: the job ends, once, and says what happened."""

import asyncio
import signal

import pytest

from fleet.errors import ErrorType
from fleet.jobs.job import State
from tests.kit.stages.stage import Stage


async def test_a_worker_frozen_past_its_lease_cannot_write_over_its_heir(stage: Stage) -> None:
    async with stage.worker("zombie") as zombie:
        job = await stage.enqueue(url=stage.gate.url)
        await stage.gate.visited()
        zombie.send(signal.SIGSTOP)
        async with stage.worker("heir"):
            await stage.gate.visited(2)
            stage.gate.open()
            done = await stage.ended(job)
            zombie.send(signal.SIGCONT)
            await zombie.logged("discarded")
    after = await stage.ended(job)
    assert (done.state, done.attempt) == (State.SUCCEEDED, 2)
    assert after == done


@pytest.mark.parametrize("engine", ["redis", "postgres"])
async def test_an_engine_restarted_in_the_middle_of_a_render_costs_no_attempt(
    engine: str, stage: Stage
) -> None:
    async with stage.worker("worker", LEASE_S="15") as process:
        job = await stage.enqueue(url=stage.gate.url)
        await stage.gate.visited()
        getattr(stage.engines, engine).kill()
        stage.gate.open()
        expected = "cannot record yet" if engine == "postgres" else "job ended"
        await process.logged(expected)
        await asyncio.to_thread(getattr(stage.engines, engine).start)
        done = await stage.ended(job)
        next_job = await stage.enqueue(html="<p>after the outage</p>")
        assert (await stage.ended(next_job)).state is State.SUCCEEDED
    assert (done.state, done.attempt) == (State.SUCCEEDED, 1)


async def test_a_store_that_is_down_at_upload_is_tried_again(stage: Stage) -> None:
    async with stage.worker("worker") as process:
        job = await stage.enqueue(url=stage.gate.url)
        await stage.gate.visited()
        stage.engines.s3.kill()
        stage.gate.open()
        await process.logged("attempt failed, trying again")
        await asyncio.to_thread(stage.engines.s3.start)
        done = await stage.ended(job)
    assert done.state is State.SUCCEEDED
    assert (await stage.outcomes(job))[0] == "retried"


async def test_a_store_that_stays_down_is_a_clear_failure(stage: Stage) -> None:
    async with stage.worker("worker") as process:
        stage.engines.s3.kill()
        try:
            job = await stage.enqueue(html="<p>x</p>", max_attempts=1)
            done = await stage.ended(job)
        finally:
            await asyncio.to_thread(stage.engines.s3.start)
    assert (done.state, done.error_type) == (State.FAILED, ErrorType.STORAGE_UNAVAILABLE)
    [line] = [line for line in process.lines() if line["event"] == "job ended"]
    assert (line["job_id"], line["attempt"], line["generation"]) == (str(job.id), 1, 1)
    assert line["worker_id"] == str(done.worker_id)
    assert line["error_type"] == done.error_type


async def test_a_message_that_names_no_job_is_dropped_and_the_worker_goes_on(stage: Stage) -> None:
    async with stage.worker("worker"):
        await stage.redis.zadd("renderfleet:queue", {"nonsense": 1, "no-such-job:1": 1})
        await stage.redis.enqueue_job("no_such_function", _job_id="strange")
        job = await stage.enqueue(html="<p>x</p>")
        assert (await stage.ended(job)).state is State.SUCCEEDED
