"""Erasing a tenant leaves nothing of it, whoever is killed on the way, and nothing else is touched."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from arq.connections import ArqRedis

from deploy.embedded.engines.engines import Engines
from fleet.artifacts.keys import difference_key, tenant_prefixes
from fleet.artifacts.settings import StorageSettings
from fleet.artifacts.store import Artifacts
from fleet.database import Database
from fleet.errors import ErrorType
from fleet.queue.arq_adapter import QUEUE
from tests.integration.api.conftest import Api
from tests.kit.api.calls import claim, enqueue, fail, problem, succeed
from tests.kit.data.stored_files import files_below
from worker.maintenance.tenant_eraser import TenantEraser

WITH_TENANT = """
    SELECT table_name FROM information_schema.columns
    WHERE column_name = 'tenant_id' AND table_schema = 'public' AND table_name <> 'tenant_erasures'
"""
ALL_TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"


@dataclass(frozen=True)
class Ground:
    """What a fleet stands on, and its operator's API."""

    api: Api
    database: Database
    redis: ArqRedis
    artifacts: Artifacts
    engines: Engines

    def eraser(self, artifacts: Artifacts | None = None) -> TenantEraser:
        return TenantEraser(self.database, self.redis, artifacts or self.artifacts)


class Victim:
    """A tenant that has something of everything."""

    def __init__(self, ground: Ground) -> None:
        self.api = ground.api
        self.database = ground.database
        self.artifacts = ground.artifacts
        self.bucket = ground.engines.s3.folder / "renderfleet"
        self.id = UUID(int=0)
        self.client = ground.api.client
        self.running = ""

    async def make(self, name: str) -> None:
        made = await self.api.client.post("/v1/admin/tenants", json={"name": name})
        self.id = UUID(made.json()["id"])
        key = (await self.api.client.post("/v1/admin/keys", json={"tenant_id": str(self.id)})).json()["key"]
        headers = {"Authorization": f"Bearer {key}"}
        self.client = httpx.AsyncClient(base_url=self.api.client.base_url, headers=headers, trust_env=False)

    async def fill(self, folder: Path) -> None:
        shown = await enqueue(self.client, {"html": "x", "webhook_url": "https://hooks.example/x"})
        await succeed(self.database, self.artifacts, folder, shown["id"])
        other = await enqueue(self.client)
        await succeed(self.database, self.artifacts, folder, other["id"])
        await fail(self.database, (await enqueue(self.client))["id"])
        await enqueue(self.client)
        self.running = (await enqueue(self.client))["id"]
        await claim(self.database, self.running)
        schedule = {"cron": "0 9 * * *", "job": {"html": "x"}}
        batch = {"jobs": [{"url": "https://example.com/", "headers": {"X-Secret": "s"}}]}
        for answer in (
            await self.client.post("/v1/webhooks", json={"url": "https://hooks.example/x"}),
            await self.client.post("/v1/schedules", json=schedule),
            await self.client.post("/v1/jobs/batch", json=batch, headers={"Idempotency-Key": "k"}),
            await self.client.post("/v1/jobs", files={"files": ("index.html", b"<p>uploaded")}),
        ):
            assert answer.status_code in (201, 202), answer.text
        comparison = uuid4()
        key = difference_key(self.id, comparison)
        await self.database.execute(
            "INSERT INTO comparisons (id, job_id, with_id, question, picture_key) "
            "VALUES ($1, $2, $3, '', $4)",
            comparison,
            UUID(shown["id"]),
            UUID(other["id"]),
            key,
        )
        await self.artifacts.put(key, b"difference")
        # Left by an attempt that did not succeed, or by a worker that had lost its lease.
        await self.artifacts.put(f"{self.id}/2026/01/31/{uuid4()}-1.zip", b"evidence")
        await self.database.execute(
            "INSERT INTO history_minutes VALUES ($1, now(), 'failed', 'tls_error', 1, '{}', '{}')", self.id
        )

    def files(self) -> int:
        """How many there are in S3."""
        return sum(len(files_below(self.bucket / prefix)) for prefix in tenant_prefixes(self.id))

    async def rows(self) -> dict[str, int]:
        """How many there are in each table that names a tenant."""
        tables = [row[0] for row in await self.database.fetch(WITH_TENANT)]
        counts = {
            table: await self.database.fetchval(
                f"SELECT count(*) FROM {table} WHERE tenant_id = $1",  # noqa: S608 - from the catalog
                self.id,
            )
            for table in tables
        }
        return {table: count for table, count in counts.items() if count}


async def all_rows(database: Database) -> dict[str, int]:
    tables = [row[0] for row in await database.fetch(ALL_TABLES)]
    return {table: await database.fetchval(f"SELECT count(*) FROM {table}") for table in tables}  # noqa: S608


@asynccontextmanager
async def victim_of(ground: Ground, name: str) -> AsyncIterator[Victim]:
    made = Victim(ground)
    await made.make(name)
    async with made.client:
        yield made


@pytest.fixture
def ground(api: Api, database: Database, redis: ArqRedis, artifacts: Artifacts, engines: Engines) -> Ground:
    return Ground(api, database, redis, artifacts, engines)


@pytest.fixture
async def acme(ground: Ground) -> AsyncIterator[Victim]:
    async with victim_of(ground, "acme") as made:
        yield made


@pytest.fixture
async def other(ground: Ground) -> AsyncIterator[Victim]:
    async with victim_of(ground, "other") as made:
        yield made


async def erase(api: Api, tenant_id: UUID) -> dict[str, Any]:
    answer = await api.client.delete(f"/v1/admin/tenants/{tenant_id}")
    assert answer.status_code in (200, 202), answer.text
    document: dict[str, Any] = answer.json()
    return document


async def time_passes(database: Database, by: timedelta) -> None:
    """For erasures."""
    await database.execute(
        "UPDATE tenant_erasures SET next_step_at = next_step_at - $1::interval, "
        "requested_at = requested_at - $1::interval",
        by,
    )


async def test_nothing_is_left_and_another_tenant_is_untouched(
    ground: Ground, acme: Victim, other: Victim, tmp_path: Path
) -> None:
    api, database, redis, eraser = ground.api, ground.database, ground.redis, ground.eraser()
    await other.fill(tmp_path)
    before, others_files = await all_rows(database), other.files()
    await acme.fill(tmp_path)
    queued = await redis.zcard(QUEUE)
    assert acme.files() == others_files == 5
    assert (await all_rows(database))["jobs"] == 2 * before["jobs"]
    assert (await erase(api, acme.id))["stage"] == "ending_jobs"
    problem(await acme.client.get("/v1/jobs"), 401, ErrorType.UNAUTHORIZED)

    await eraser.erase()
    assert (await erase(api, acme.id))["stage"] == "ending_jobs", "a job runs"
    assert await database.fetchval("SELECT cancel_requested FROM jobs WHERE id = $1", UUID(acme.running))
    assert await redis.zcard(QUEUE) == queued - 3, "the queued jobs are taken out of the line"
    # Its worker ends it.
    await database.execute(
        "UPDATE jobs SET state = 'cancelled', finished_at = now(), lease_until = NULL WHERE id = $1",
        UUID(acme.running),
    )
    await time_passes(database, timedelta(seconds=2))
    await eraser.erase()
    told = await erase(api, acme.id)
    assert (told["stage"], acme.files()) == ("settling", 0)
    assert told["erased"] == {
        "schedules": 1,
        "jobs": 7,
        "uploads": 1,
        "webhooks": 1,
        "batches": 1,
        "minutes": 1,
        "files": 5,
    }
    assert set(await acme.rows()) == {"api_keys", "tenant_months"}

    late = f"{acme.id}/2026/01/31/{uuid4()}-1.png"
    await ground.artifacts.put(late, b"by a worker that was stopped meanwhile")
    await time_passes(database, timedelta(hours=1))
    await eraser.erase()
    told = await erase_status(api, acme.id)
    assert (told["stage"], told["erased"]["files"], told["erased"]["keys"]) == ("erased", 6, 1)
    assert told["finished_at"] is not None
    assert (acme.files(), await acme.rows()) == (0, {})
    problem(await api.client.get(f"/v1/admin/tenants/{acme.id}"), 404, ErrorType.NOT_FOUND)
    after = await all_rows(database)
    gone = {"api_keys": 1, "tenants": 1}  # of acme, before it was filled
    asked = {"tenant_erasures": -1}
    assert {table: before[table] - after[table] for table in before if before[table] != after[table]} == {
        **gone,
        **asked,
    }
    assert other.files() == others_files
    assert (await other.client.get("/v1/jobs")).status_code == 200


async def erase_status(api: Api, tenant_id: UUID) -> dict[str, Any]:
    answer = await api.client.get(f"/v1/admin/tenants/{tenant_id}/erasure")
    document: dict[str, Any] = answer.json()
    return document


async def test_whoever_is_killed_on_the_way_it_goes_on_and_counts_once(
    ground: Ground, acme: Victim, tmp_path: Path
) -> None:
    api, database, artifacts = ground.api, ground.database, ground.artifacts
    await acme.fill(tmp_path)
    await database.execute("UPDATE jobs SET state = 'queued', lease_until = NULL WHERE state = 'running'")
    for number in range(30):
        await artifacts.put(f"{acme.id}/2026/01/31/{uuid4()}-{number}.png", b"x")
    await erase(api, acme.id)
    kills = 0
    while (await erase_status(api, acme.id))["stage"] != "settling":
        workers = [asyncio.create_task(ground.eraser().erase()) for _ in range(3)]
        await asyncio.sleep(0.002 * kills)  # each time it comes a little further
        for task in workers:
            kills += task.cancel()
        ends = await asyncio.gather(*workers, return_exceptions=True)
        assert not [end for end in ends if isinstance(end, Exception)]
    assert kills > 3
    told = await erase_status(api, acme.id)
    assert (acme.files(), set(await acme.rows())) == (0, {"api_keys", "tenant_months"})
    assert told["erased"]["jobs"] == 7
    # A file whose deletion was not noted any more is not counted.
    assert told["erased"].get("files", 0) <= 35


async def test_no_tenant_erases_itself_and_none_gets_a_key_while_it_is_erased(
    api: Api, acme: Victim, tenant_id: UUID
) -> None:
    answer = await api.client.delete(f"/v1/admin/tenants/{tenant_id}")
    problem(answer, 403, ErrorType.FORBIDDEN)
    assert (await api.client.get(f"/v1/admin/tenants/{tenant_id}/erasure")).status_code == 404
    await erase(api, acme.id)
    wanted = {"tenant_id": str(acme.id)}
    problem(await api.client.post("/v1/admin/keys", json=wanted), 404, ErrorType.NOT_FOUND)
    assert (await api.client.post("/v1/admin/tenants", json={"name": "acme"})).status_code == 201


async def test_the_store_being_away_delays_it(ground: Ground, acme: Victim, dead_port: int) -> None:
    api, artifacts = ground.api, ground.artifacts
    await artifacts.put(f"{acme.id}/2026/01/31/{uuid4()}-1.png", b"x")
    await erase(api, acme.id)
    away = Artifacts(StorageSettings(s3_endpoint_url=f"http://127.0.0.1:{dead_port}"))
    await ground.eraser(away).erase()
    away.close()
    assert ((await erase_status(api, acme.id))["stage"], acme.files()) == ("ending_jobs", 1)
    await ground.eraser().erase()
    assert ((await erase_status(api, acme.id))["stage"], acme.files()) == ("settling", 0)
