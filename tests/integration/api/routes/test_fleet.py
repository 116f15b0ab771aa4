"""The operator's calls: who works, what waits, pause and resume."""

import dataclasses
from uuid import uuid4

import pytest

from fleet.database import Database
from fleet.errors import ErrorType
from fleet.tenants.api_keys import create_key
from fleet.tenants.tenant import Scope
from fleet.workers import registry
from fleet.workers.registry import WorkerReport
from fleet.workers.vitals import BrowserVitals, FilterListVitals, MemoryVitals, Sandbox, Vitals
from tests.integration.api.conftest import Api
from tests.kit.api.calls import claim, enqueue, problem


def report(*, busy: int = 0, vitals: Vitals | None = None) -> WorkerReport:
    return WorkerReport(
        id=uuid4(),
        hostname="box",
        pid=1,
        slots=4,
        busy=busy,
        browser_generation=3,
        browser_launched_at=None,
        vitals=vitals,
    )


def healthy(resting_mb: int = 300) -> Vitals:
    return Vitals(
        cpu_percent=12.5,
        memory=MemoryVitals(resting_bytes=resting_mb * 2**20, rss_bytes=900, pss_bytes=None, free_bytes=77),
        browser=BrowserVitals(renders_total=800, recycles={"age": 3}, recycle_added_wait_ms=0.4),
    )


async def test_the_fleet_is_what_its_workers_report(api: Api, database: Database) -> None:
    there, gone, silent = report(busy=1), report(), report()
    for worker in (there, gone, silent):
        await registry.report(database, worker)
    await registry.mark_stopped(database, gone.id)
    await database.execute(
        "UPDATE workers SET last_seen_at = now() - interval '31 s' WHERE id = $1", silent.id
    )
    running, _ = await enqueue(api.client), await enqueue(api.client)
    await claim(database, running["id"])
    document = (await api.client.get("/v1/fleet")).json()
    assert document["backlog"]["queued"] == document["backlog"]["running"] == 1
    assert (document["paused"], document["slots"], document["suggested_replicas"]) == (False, 4, 1)
    [worker] = document["workers"]
    assert (worker["id"], worker["busy"], worker["browser_generation"]) == (str(there.id), 1, 3)


async def test_workers_tell_how_they_are_and_a_leak_is_flagged(api: Api, database: Database) -> None:
    for resting_mb in (300, 310, 305, 640):
        await registry.report(database, report(vitals=healthy(resting_mb)))
    told = (await api.client.get("/v1/fleet")).json()["workers"]
    assert [worker["memory_stands_out"] for worker in told] == [False, False, False, True]
    assert (
        told[3]["memory_stands_out_why"]
        == "uses 640 MiB between renders, workers with as many slots use 305 MiB"
    )
    assert told[0]["memory_stands_out_why"] is None
    assert (told[0]["takes_jobs"], told[0]["holds"], told[0]["cpu_percent"]) == (True, [], 12.5)
    memory = told[0]["memory"]
    assert (memory["rss_bytes"], memory["pss_bytes"], memory["free_bytes"]) == (900, None, 77)
    assert (told[0]["browser"]["recycles"], told[0]["browser"]["crashes"]) == ({"age": 3}, {})


async def test_the_lists_of_a_worker_are_told_with_date_and_licence(api: Api, database: Database) -> None:
    lists = [
        FilterListVitals(
            name=name,
            title="A list",
            date="2025-10-31",
            licence="GPL-3.0",
            homepage="https://a.test/",
            rules=7,
        )
        for name in ("ads", "trackers")
    ]
    await registry.report(database, report(vitals=healthy().model_copy(update={"filter_lists": lists})))
    [worker] = (await api.client.get("/v1/fleet")).json()["workers"]
    assert worker["filter_lists"] == [one.model_dump() for one in lists]


async def test_workers_without_chromiums_sandbox_are_named(api: Api, database: Database) -> None:
    for sandbox in (Sandbox.ON, Sandbox.OFF, None):
        await registry.report(database, report(vitals=healthy().model_copy(update={"sandbox": sandbox})))
    told = (await api.client.get("/v1/fleet")).json()["workers"]
    assert [worker["sandbox"] for worker in told] == ["on", "off", None]
    ready = (await api.client.get("/readyz")).json()
    assert (ready["status"], len(ready["warnings"])) == ("ready", 1)
    assert ready["warnings"][0].endswith("(CHROMIUM_SANDBOX=off): 1")
    assert "renderfleet_workers_unsandboxed 1.0" in (await api.client.get("/metrics")).text


async def test_a_worker_that_takes_no_jobs_says_why(api: Api, database: Database) -> None:
    there = report(vitals=healthy())
    await registry.report(database, there)
    held = healthy().model_copy(update={"holds": ["the fleet is paused"]})
    await registry.report(database, dataclasses.replace(there, vitals=held))
    [worker] = (await api.client.get("/v1/fleet")).json()["workers"]
    assert (worker["takes_jobs"], worker["holds"]) == (False, ["the fleet is paused"])


@pytest.mark.parametrize("told", [None, '{"memory": {"rss_bytes": "another version"}}'])
async def test_a_worker_of_another_version_is_shown_without_vitals(
    api: Api, database: Database, told: str | None
) -> None:
    await registry.report(database, report(busy=1))
    await database.execute("UPDATE workers SET vitals = $1", told)
    [worker] = (await api.client.get("/v1/fleet")).json()["workers"]
    assert (worker["busy"], worker["takes_jobs"], worker["memory"]) == (1, None, None)
    assert worker["memory_stands_out"] is False


async def test_a_long_queue_suggests_more_workers(api: Api, database: Database) -> None:
    await registry.report(database, report())
    await enqueue(api.client)
    await database.execute(
        "INSERT INTO jobs (id, tenant_id, request, request_digest, max_attempts) "
        "SELECT gen_random_uuid(), tenant_id, request, request_digest, 3 FROM jobs, generate_series(1, 599)"
    )
    # 600 jobs at 2 s within a minute: 20 slots, in workers of 4.
    assert (await api.client.get("/v1/fleet")).json()["suggested_replicas"] == 5


async def test_a_pause_is_kept_until_it_is_resumed(api: Api) -> None:
    first = (await api.client.post("/v1/fleet/pause", json={"reason": "upgrade"})).json()
    again = (await api.client.post("/v1/fleet/pause")).json()
    assert first["paused"] is True
    assert first["paused_at"] == again["paused_at"]
    assert (await enqueue(api.client))["status"] == "queued"
    resumed = (await api.client.post("/v1/fleet/resume")).json()
    assert (resumed["paused"], resumed["paused_at"], resumed["pause_reason"]) == (False, None, None)
    assert (await api.client.post("/v1/fleet/resume")).status_code == 200


async def test_a_paused_fleet_lets_nobody_claim(api: Api, database: Database) -> None:
    job = await enqueue(api.client)
    await api.client.post("/v1/fleet/pause")
    with pytest.raises(AssertionError):
        await claim(database, job["id"])
    await api.client.post("/v1/fleet/resume")
    await claim(database, job["id"])


async def test_only_operators_see_and_pause_the_fleet(api: Api, database: Database) -> None:
    async with database.connection() as connection:
        scopes = frozenset({Scope.RENDER, Scope.READ})
        key = await create_key(connection, tenant_name="t", key_name="k", scopes=scopes)
    headers = {"Authorization": f"Bearer {key}"}
    for method, path in (("GET", ""), ("POST", "/pause"), ("POST", "/resume")):
        answer = await api.client.request(method, f"/v1/fleet{path}", headers=headers)
        problem(answer, 403, ErrorType.FORBIDDEN)


async def test_a_pause_with_a_strange_body_is_refused(api: Api) -> None:
    answer = await api.client.post("/v1/fleet/pause", json={"why": "x"})
    said = problem(answer, 422, ErrorType.INVALID_REQUEST)
    assert said["errors"][0]["field"] == "why"
    assert (await api.client.get("/v1/fleet")).json()["paused"] is False
