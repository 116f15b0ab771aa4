"""What a worker's start, silence, crash and end do to jobs that are cancelled, that expire or that wait."""

import asyncio
import os
import signal

import psutil

from fleet.jobs import read
from fleet.jobs.cancel import cancel as cancel_job
from fleet.jobs.job import State
from fleet.workers import pause
from tests.kit.patience import PATIENCE_S
from tests.kit.processes import ProductProcess
from tests.kit.stages.stage import Stage


async def test_a_cancel_whose_message_is_lost_comes_with_the_heartbeat(stage: Stage) -> None:
    async with stage.worker("worker"):
        job = await stage.enqueue(url=stage.gate.url)
        await stage.gate.visited()
        await cancel_job(stage.database, job_id=job.id, tenant_id=job.tenant_id)
        assert (await stage.ended(job)).state is State.CANCELLED
        await stage.gate.given_up()


async def test_a_cancelled_job_of_a_dead_worker_ends_cancelled(stage: Stage) -> None:
    async with stage.worker("first") as first:
        job = await stage.enqueue(url=stage.gate.url)
        await stage.gate.visited()
        first.send(signal.SIGKILL)
        await first.ended()
        await cancel_job(stage.database, job_id=job.id, tenant_id=job.tenant_id)
        async with stage.worker("second"):
            assert (await stage.ended(job)).state is State.CANCELLED
    assert await stage.outcomes(job) == ["lost"]


async def test_a_queued_job_that_expired_is_not_rendered(stage: Stage) -> None:
    job = await stage.enqueue(url=stage.gate.url, expires_in_s=1)
    async with asyncio.timeout(PATIENCE_S):
        while not await stage.database.fetchval("SELECT expires_at < now() FROM jobs"):  # noqa: ASYNC110 - a clock
            await asyncio.sleep(0.02)
    async with stage.worker("worker"):
        assert (await stage.ended(job)).state is State.EXPIRED
    assert stage.gate.visits == 0


def kill_browser(worker: ProductProcess) -> None:
    """Kill the Chromium below this worker: the process without a `--type`."""
    [browser] = [
        child
        for child in psutil.Process(worker.process.pid).children(recursive=True)
        if "headless" in child.name() and not any("--type=" in word for word in child.cmdline())
    ]
    os.kill(browser.pid, signal.SIGKILL)


async def test_after_a_crash_each_job_has_a_browser_of_its_own_and_others_go_on(stage: Stage) -> None:
    async with stage.worker("worker", BROWSER_MAX_PAGES="4", LEASE_S="15") as process:
        both = [await stage.enqueue(url=stage.gate.url) for _ in range(2)]
        await stage.gate.visited(2)
        kill_browser(process)
        await stage.gate.visited(4)
        bystander = await stage.enqueue(url=stage.gate.url)
        await stage.gate.visited(5)
        stage.gate.open()
        ends = [await stage.ended(job) for job in (*both, bystander)]
    assert [(job.state, job.attempt, job.browser_generation) for job in ends] == [
        (State.SUCCEEDED, 2, 0),
        (State.SUCCEEDED, 2, 0),
        (State.SUCCEEDED, 1, 2),
    ]


async def test_a_worker_that_starts_in_a_paused_fleet_begins_nothing(stage: Stage) -> None:
    await pause.pause(stage.database, reason=None)
    job = await stage.enqueue(html="<p>x</p>")
    async with stage.worker("worker"):
        await stage.beats(2)
        found = await read.get(stage.database, job_id=job.id, tenant_id=job.tenant_id)
        assert found is not None
        assert (found.state, found.attempt) == (State.QUEUED, 0)
        await pause.resume(stage.database)  # and nobody tells the worker
        assert (await stage.ended(job)).state is State.SUCCEEDED


async def test_a_draining_worker_takes_no_new_job(stage: Stage) -> None:
    async with stage.worker("worker", SHUTDOWN_GRACE_S="15") as process:
        running = await stage.enqueue(url=stage.gate.url)
        await stage.gate.visited()
        process.send(signal.SIGTERM)
        await process.logged("stopping")
        later = await stage.enqueue(html="<p>x</p>")
        stage.gate.open()
        assert await process.ended() == 0
    done = await stage.ended(running)
    assert (done.state, done.attempt) == (State.SUCCEEDED, 1)
    found = await read.get(stage.database, job_id=later.id, tenant_id=later.tenant_id)
    assert found is not None
    assert (found.state, found.attempt) == (State.QUEUED, 0)
