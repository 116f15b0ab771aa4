"""Cancel, expire, pause, cap and drain, with real renders: the slot free, the page closed."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from typing import Any

import httpx
import psutil
import pytest

from fleet.jobs import read
from fleet.jobs.cancel import cancel as cancel_job
from fleet.jobs.job import State
from fleet.workers import pause
from tests.kit.patience import PATIENCE_S
from tests.kit.processes import ProductProcess, api
from tests.kit.stages.stage import Stage

# A heartbeat that never comes within a test: what happens quickly came by Redis.
NO_HEARTBEAT = {"LEASE_S": "300", "HEARTBEAT_INTERVAL_S": "100"}


@pytest.fixture
async def client(stage: Stage, tenant_key: str) -> AsyncIterator[httpx.AsyncClient]:
    async with api(stage.environment(), stage.folder / "api.log", tenant_key) as opened:
        yield opened


async def posted(client: httpx.AsyncClient, **options: object) -> dict[str, Any]:
    answer = await client.post("/v1/jobs", json=options)
    assert answer.status_code == 202, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def test_a_cancel_frees_the_slot_and_closes_the_page(stage: Stage, client: httpx.AsyncClient) -> None:
    async with stage.worker("worker", BROWSER_MAX_PAGES="1", **NO_HEARTBEAT):
        first = await posted(client, url=stage.gate.url)
        await stage.gate.visited()
        second = await posted(client, url=stage.gate.url)
        answer = await client.delete(f"/v1/jobs/{first['id']}", headers={"Prefer": "wait=30"})
        assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
        assert answer.json()["error"]["type"] == "cancelled"
        await stage.gate.given_up()
        await stage.gate.visited(2)
        again = await client.delete(f"/v1/jobs/{first['id']}")
        assert (again.status_code, again.json()["type"]) == (409, "job_finished")
        stage.gate.open()
        done = await client.get(f"/v1/jobs/{second['id']}", params={"wait": 30})
        assert done.json()["status"] == "succeeded"


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


async def test_a_running_job_is_stopped_when_it_expires(stage: Stage) -> None:
    async with stage.worker("worker", **NO_HEARTBEAT):
        job = await stage.enqueue(url=stage.gate.url, expires_in_s=2)
        await stage.gate.visited()
        assert (await stage.ended(job)).state is State.EXPIRED
        await stage.gate.given_up()


async def test_a_queued_job_that_expired_is_not_rendered(stage: Stage) -> None:
    job = await stage.enqueue(url=stage.gate.url, expires_in_s=1)
    async with asyncio.timeout(PATIENCE_S):
        while not await stage.database.fetchval("SELECT expires_at < now() FROM jobs"):  # noqa: ASYNC110 - a clock
            await asyncio.sleep(0.02)
    async with stage.worker("worker"):
        assert (await stage.ended(job)).state is State.EXPIRED
    assert stage.gate.visits == 0


async def test_a_delayed_job_runs_when_its_time_has_come(stage: Stage, client: httpx.AsyncClient) -> None:
    due = await stage.database.fetchval("SELECT now() + interval '2 s'")
    async with stage.worker("worker", SWEEP_INTERVAL_S="200"):
        job = await posted(client, html="<p>later</p>", run_at=due.isoformat())
        done = (await client.get(f"/v1/jobs/{job['id']}", params={"wait": 30})).json()
    assert done["status"] == "succeeded"
    assert done["started_at"] >= due.isoformat().replace("+00:00", "Z")


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


async def test_a_paused_fleet_accepts_finishes_and_begins_nothing(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    async with stage.worker("worker", **NO_HEARTBEAT):
        running = await posted(client, url=stage.gate.url)
        await stage.gate.visited()
        paused = await client.post("/v1/fleet/pause", json={"reason": "upgrade"})
        assert (paused.json()["paused"], paused.json()["pause_reason"]) == (True, "upgrade")
        waiting = await posted(client, html="<p>x</p>")
        stage.gate.open()
        done = await client.get(f"/v1/jobs/{running['id']}", params={"wait": 30})
        assert done.json()["status"] == "succeeded"
        assert (await client.get(f"/v1/jobs/{waiting['id']}")).json()["status"] == "queued"
        resumed = await client.post("/v1/fleet/resume")
        assert resumed.json()["paused"] is False
        done = await client.get(f"/v1/jobs/{waiting['id']}", params={"wait": 30})
        assert done.json()["status"] == "succeeded"


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
    assert (await stage.ended(running)).state is State.SUCCEEDED
    found = await read.get(stage.database, job_id=later.id, tenant_id=later.tenant_id)
    assert found is not None
    assert (found.state, found.attempt) == (State.QUEUED, 0)


async def test_a_capped_tenant_renders_one_after_the_other(stage: Stage) -> None:
    await stage.database.execute("UPDATE tenants SET max_running = 1")
    async with stage.worker("worker", BROWSER_MAX_PAGES="2", SWEEP_INTERVAL_S="100"):
        three = [await stage.enqueue(url=stage.gate.url) for _ in range(3)]
        await stage.gate.visited()
        await stage.beats(2)
        assert stage.gate.visits == 1
        for number in (2, 3):
            stage.gate.let_one_in()
            await stage.gate.visited(number)
        stage.gate.open()
        assert [(await stage.ended(job)).state for job in three] == [State.SUCCEEDED] * 3
