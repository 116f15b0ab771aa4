"""Whatever dies in the middle of a render: the job ends, once, and says what happened."""

import asyncio
import signal

import pytest

from fleet.errors import ErrorType
from fleet.jobs.job import State
from tests.kit.stages.stage import Stage


async def test_a_sigkilled_workers_job_runs_again_after_its_lease(stage: Stage) -> None:
    async with stage.worker("first") as first:
        job = await stage.enqueue(url=stage.gate.url)
        await stage.gate.visited()
        first.send(signal.SIGKILL)
        await first.ended()
        stage.gate.open()
        async with stage.worker("second"):
            done = await stage.ended(job)
    assert (done.state, done.attempt) == (State.SUCCEEDED, 2)
    assert await stage.outcomes(job) == ["lost", "succeeded"]


async def test_a_stopping_worker_hands_its_job_back_uncounted(stage: Stage) -> None:
    async with stage.worker("first", LEASE_S="60") as first:
        job = await stage.enqueue(url=stage.gate.url, max_attempts=1)
        await stage.gate.visited()
        first.send(signal.SIGTERM)
        assert await first.ended() == 0
        stage.gate.open()
        async with stage.worker("second"):
            done = await stage.ended(job)
    assert done.state is State.SUCCEEDED
    assert await stage.outcomes(job) == ["handed_back", "succeeded"]


async def test_a_stopping_worker_finishes_what_ends_within_the_grace_time(stage: Stage) -> None:
    async with stage.worker("worker", SHUTDOWN_GRACE_S="15") as process:
        job = await stage.enqueue(url=stage.gate.url)
        await stage.gate.visited()
        process.send(signal.SIGTERM)
        await process.logged("stopping")
        stage.gate.open()
        assert await process.ended() == 0
    done = await stage.ended(job)
    assert (done.state, done.attempt) == (State.SUCCEEDED, 1)


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


async def test_jobs_survive_a_flush_of_redis(stage: Stage) -> None:
    queued = [await stage.enqueue(html=f"<p>{number}</p>") for number in range(8)]
    await stage.redis.flushall()
    async with stage.worker("worker"):
        states = [(await stage.ended(job)).state for job in queued]
    assert states == [State.SUCCEEDED] * 8


async def test_a_message_that_names_no_job_is_dropped_and_the_worker_goes_on(stage: Stage) -> None:
    async with stage.worker("worker"):
        await stage.redis.zadd("renderfleet:queue", {"nonsense": 1, "no-such-job:1": 1})
        await stage.redis.enqueue_job("no_such_function", _job_id="strange")
        job = await stage.enqueue(html="<p>x</p>")
        assert (await stage.ended(job)).state is State.SUCCEEDED
