"""Cancel, expire, delay, pause and cap, with real renders: the slot free, the page closed.

One worker for all of them. No heartbeat and no sweep comes while they run: what happens came by Redis, or by
a clock of the worker's own.
"""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import httpx
import pytest
import pytest_asyncio

from deploy.embedded.engines.engines import Engines
from fleet.jobs.job import State
from tests.kit.data.databases import Databases
from tests.kit.patience import PATIENCE_S
from tests.kit.processes import api
from tests.kit.stages.gate import gate
from tests.kit.stages.stage import Stage, opened_stage

pytestmark = pytest.mark.asyncio(loop_scope="module")

SETTINGS = {
    "BROWSER_MAX_PAGES": "2",
    "LEASE_S": "300",
    "HEARTBEAT_INTERVAL_S": "100",
    "SWEEP_INTERVAL_S": "200",
}


@dataclass(frozen=True)
class Fleet:
    """A worker, and a client of an API."""

    stage: Stage
    client: httpx.AsyncClient


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def fleet(
    engines: Engines, databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Fleet]:
    async with (
        opened_stage(engines, databases, tmp_path_factory.mktemp("fleet")) as (stage, key),
        stage.worker(**SETTINGS),
        api(stage.environment(), stage.folder / "api.log", key) as client,
    ):
        yield Fleet(stage, client)


@pytest_asyncio.fixture(loop_scope="module")
async def stage(fleet: Fleet) -> AsyncIterator[Stage]:
    """The same worker, with a gate of this test's own."""
    async with gate() as opened:
        yield replace(fleet.stage, gate=opened)


@pytest.fixture
def client(fleet: Fleet) -> httpx.AsyncClient:
    return fleet.client


async def posted(client: httpx.AsyncClient, **options: object) -> dict[str, Any]:
    answer = await client.post("/v1/jobs", json=options)
    assert answer.status_code == 202, answer.text
    document: dict[str, Any] = answer.json()
    return document


async def test_a_cancel_frees_the_slot_and_closes_the_page(stage: Stage, client: httpx.AsyncClient) -> None:
    first = await posted(client, url=stage.gate.url)
    beside = await posted(client, url=stage.gate.url)
    await stage.gate.visited(2)
    waiting = await posted(client, url=stage.gate.url)
    answer = await client.delete(f"/v1/jobs/{first['id']}", headers={"Prefer": "wait=30"})
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    assert answer.json()["error"]["type"] == "cancelled"
    await stage.gate.given_up()
    await stage.gate.visited(3)
    again = await client.delete(f"/v1/jobs/{first['id']}")
    assert (again.status_code, again.json()["type"]) == (409, "job_finished")
    stage.gate.open()
    for job in (beside, waiting):
        done = await client.get(f"/v1/jobs/{job['id']}", params={"wait": 30})
        assert done.json()["status"] == "succeeded"


async def test_a_running_job_is_stopped_when_it_expires(stage: Stage) -> None:
    job = await stage.enqueue(url=stage.gate.url, expires_in_s=2)
    await stage.gate.visited()
    assert (await stage.ended(job)).state is State.EXPIRED
    await stage.gate.given_up()


async def test_a_delayed_job_runs_when_its_time_has_come(stage: Stage, client: httpx.AsyncClient) -> None:
    due = await stage.database.fetchval("SELECT now() + interval '2 s'")
    job = await posted(client, html="<p>later</p>", run_at=due.isoformat())
    done = (await client.get(f"/v1/jobs/{job['id']}", params={"wait": 30})).json()
    assert done["status"] == "succeeded"
    assert done["started_at"] >= due.isoformat().replace("+00:00", "Z")


async def test_a_paused_fleet_accepts_finishes_and_begins_nothing(
    stage: Stage, client: httpx.AsyncClient
) -> None:
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


async def test_a_job_that_was_taken_before_its_worker_heard_of_the_pause_runs_after_it(
    stage: Stage, client: httpx.AsyncClient
) -> None:
    """Nobody announces this pause, so the worker takes the job, and Postgres refuses the claim."""
    await stage.database.execute("UPDATE fleet SET paused_at = now(), reason = 'upgrade'")
    job = await posted(client, html="<p>x</p>")
    async with asyncio.timeout(PATIENCE_S):
        while await stage.database.fetchval("SELECT dispatch FROM jobs WHERE id = $1", UUID(job["id"])) == 1:  # noqa: ASYNC110 - Postgres tells nobody
            await asyncio.sleep(0.02)
    assert (await client.get(f"/v1/jobs/{job['id']}")).json()["status"] == "queued"
    await client.post("/v1/fleet/resume")
    done = await client.get(f"/v1/jobs/{job['id']}", params={"wait": 30})
    assert done.json()["status"] == "succeeded"


async def test_a_capped_tenant_renders_one_after_the_other(stage: Stage) -> None:
    await stage.database.execute("UPDATE tenants SET max_running = 1")
    three = [await stage.enqueue(url=stage.gate.url) for _ in range(3)]
    await stage.gate.visited()
    async with asyncio.timeout(PATIENCE_S):
        while await stage.database.fetchval("SELECT count(*) FROM jobs WHERE parked") < 2:  # noqa: ASYNC110 - rows
            await asyncio.sleep(0.02)
    assert stage.gate.visits == 1
    for number in (2, 3):
        stage.gate.let_one_in()
        await stage.gate.visited(number)
    stage.gate.open()
    assert [(await stage.ended(job)).state for job in three] == [State.SUCCEEDED] * 3
    await stage.database.execute("UPDATE tenants SET max_running = NULL")
