"""What autoscalers are told: the work that waits, measured, and what more workers could do about it."""

import dataclasses
from uuid import UUID, uuid4

import httpx

from fleet.database import Database
from fleet.workers import registry
from fleet.workers.registry import WorkerReport
from tests.integration.api.conftest import Api, Serve
from tests.kit.api.calls import claim, enqueue
from tests.kit.servers.tcp_forwarder import forwarded

WORKER = WorkerReport(
    id=uuid4(), hostname="w", pid=1, slots=4, busy=0, browser_generation=1, browser_launched_at=None
)
MANY = """
    INSERT INTO jobs (id, tenant_id, request, request_digest, max_attempts, parked, run_after)
    SELECT gen_random_uuid(), $1, '{}', '\\x00', 3, $3, now() + $4 * interval '1 hour'
    FROM generate_series(1, $2::integer)
"""
# Bucket 47 ends at 3.444 s: its middle is 3.16 s.
HISTORY = """
    INSERT INTO history_minutes (tenant_id, minute, state, error_type, jobs, total, queued)
    VALUES ($1, date_trunc('minute', now()), 'succeeded', '', 100, '{"47": 100}', '{}')
"""


async def test_the_work_that_waits_is_told_in_seconds_and_workers(
    api: Api, database: Database, tenant_id: UUID
) -> None:
    await registry.report(database, WORKER)
    await database.execute(HISTORY, tenant_id)
    await database.execute(MANY, tenant_id, 300, False, 0)  # noqa: FBT003 - a column
    await database.execute(MANY, tenant_id, 500, False, 1)  # noqa: FBT003 - not due
    async with httpx.AsyncClient(base_url=api.client.base_url) as without_key:
        told = (await without_key.get("/scaling")).json()
    assert told["backlog_seconds"] == 300 * 3.16 / 4
    assert told["suggested_replicas"] == 4  # 15.8 slots
    fleet = (await api.client.get("/v1/fleet")).json()
    assert fleet["suggested_replicas"] == 4
    backlog = fleet["backlog"]
    assert (backlog["queued"], backlog["seconds"]) == (800, told["backlog_seconds"])
    [tenant] = backlog["tenants"]
    assert tenant["tenant_id"] == str(tenant_id)
    assert (tenant["ready"], tenant["capped"], tenant["delayed"]) == (300, 0, 500)
    assert (tenant["service_s"], tenant["seconds"]) == (3.16, told["backlog_seconds"])
    metrics = (await api.client.get("/metrics")).text
    assert "renderfleet_suggested_replicas 4.0" in metrics
    assert f"renderfleet_backlog_seconds {told['backlog_seconds']}" in metrics
    assert f"renderfleet_tenant_backlog_seconds {told['backlog_seconds']}" in metrics


async def test_what_waits_for_its_time_or_for_a_cap_makes_nobody_add_workers(
    serve: Serve, database: Database, tenant_id: UUID
) -> None:
    await registry.report(database, WORKER)
    async with serve(TENANT_MAX_RUNNING=1) as api:
        job = await enqueue(api.client)
        await claim(database, job["id"])
        await database.execute(MANY, tenant_id, 1_000, True, 0)  # noqa: FBT003 - parked: over the cap
        await database.execute(MANY, tenant_id, 1_000, False, 1)  # noqa: FBT003 - not due
        await database.execute("UPDATE jobs SET queued_at = now() - interval '1 hour' WHERE state = 'queued'")
        told = (await api.client.get("/scaling")).json()
        assert told == {"suggested_replicas": 1, "backlog_seconds": 0, "oldest_queued_seconds": 0}
        [tenant] = (await api.client.get("/v1/fleet")).json()["backlog"]["tenants"]
        assert (tenant["ready"], tenant["capped"], tenant["delayed"]) == (0, 1_000, 1_000)
        assert tenant["seconds"] == 2_000


async def test_a_paused_fleet_is_neither_grown_nor_shrunk(
    api: Api, database: Database, tenant_id: UUID
) -> None:
    for _ in range(3):
        await registry.report(database, dataclasses.replace(WORKER, id=uuid4()))
    await database.execute(MANY, tenant_id, 10_000, False, 0)  # noqa: FBT003 - a column
    await api.client.post("/v1/fleet/pause")
    assert (await api.client.get("/scaling")).json()["suggested_replicas"] == 3


async def test_an_autoscaler_gets_no_number_while_postgres_is_away(serve: Serve, database_url: str) -> None:
    async with forwarded(database_url) as (line, through), serve(DATABASE_URL=through) as api:
        await line.cut()
        assert (await api.client.get("/scaling")).status_code == 503
        assert "renderfleet_suggested_replicas NaN" in (await api.client.get("/metrics")).text
