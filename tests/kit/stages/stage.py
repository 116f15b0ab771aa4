"""What a test of the whole product needs: engines, a tenant, workers, and a web server with a gate."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from arq.connections import ArqRedis

from deploy.embedded.engines.engines import Engines
from fleet.database import Database, DatabaseSettings
from fleet.egress.policy import AddressPolicy
from fleet.egress.settings import EgressSettings
from fleet.jobs import read
from fleet.jobs.create import accept
from fleet.jobs.job import Job, queued_job
from fleet.queue import arq_adapter, dispatch
from fleet.render.request import RenderRequest
from fleet.tenants.api_keys import create_key
from fleet.tenants.tenant import Scope
from tests.kit.data.databases import Databases
from tests.kit.data.tenants import find_tenant
from tests.kit.data.vaults import VAULT
from tests.kit.patience import PATIENCE_S
from tests.kit.processes import ProductProcess, product_environment, worker
from tests.kit.stages.gate import Gate, gate

LOOPBACK = AddressPolicy.from_settings(EgressSettings(egress_allow=("127.0.0.1",)))


@dataclass(frozen=True)
class Stage:
    """A fleet without workers. A test starts workers, causes a fault, and checks the rows of jobs."""

    engines: Engines
    database_url: str
    database: Database
    redis: ArqRedis
    tenant_id: UUID
    gate: Gate
    folder: Path
    redis_database: int = 0

    def environment(self, **settings: str) -> dict[str, str]:
        """Settings for a process; their names are given without the prefix."""
        own = {f"RENDERFLEET_{name}": value for name, value in settings.items()}
        redis = {"RENDERFLEET_REDIS_URL": f"{self.engines.redis_url}/{self.redis_database}"}
        product = product_environment(self.engines, self.database_url, self.folder / "data")
        return {**product, **redis, **own}

    def worker(self, name: str = "worker", **settings: str) -> AbstractAsyncContextManager[ProductProcess]:
        """Start a worker and wait until it is ready."""
        return worker(self.environment(**settings), self.folder / f"{name}.log")

    async def enqueue(self, *, policy: AddressPolicy = LOOPBACK, **options: object) -> Job:
        """Accept and dispatch a job, as the API does."""
        request = RenderRequest.model_validate(options, context={"egress": policy})
        job = (await accept.accept(self.database, VAULT, tenant_id=self.tenant_id, request=request)).job
        ready = queued_job(job, weight=1)
        await dispatch.dispatch(self.redis, [ready] if ready else [])
        return job

    async def ended(self, job: Job) -> Job:
        """Wait for the job's end; its row after that."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                found = await read.get(self.database, job_id=job.id, tenant_id=job.tenant_id)
                assert found is not None
                if found.state.is_terminal:
                    return found
                await asyncio.sleep(0.05)  # a changed row causes no event

    async def outcomes(self, job: Job) -> list[str]:
        """How each of the job's attempts ended, in order."""
        sql = "SELECT outcome FROM attempts WHERE job_id = $1 ORDER BY attempt"
        return [row["outcome"] for row in await self.database.fetch(sql, job.id)]

    async def beats(self, count: int) -> None:
        """Wait for this many more reports of a worker: about as many heartbeat intervals have passed then."""
        last = "SELECT max(last_seen_at) FROM workers"
        async with asyncio.timeout(PATIENCE_S):
            for _ in range(count):
                seen = await self.database.fetchval(last)
                while await self.database.fetchval(last) == seen:  # noqa: ASYNC110 - a changed row causes no event
                    await asyncio.sleep(0.02)


@asynccontextmanager
async def opened_stage(
    engines: Engines, databases: Databases, folder: Path, *, redis_database: int = 0
) -> AsyncIterator[tuple[Stage, str]]:
    """A stage for all tests of a module, and an API key with every scope.

    With a database of Redis of its own, it keeps its line while other tests begin with an empty one.
    """
    redis = arq_adapter.connect(f"{engines.redis_url}/{redis_database}", timeout_s=2)
    await redis.flushdb()
    async with databases.one() as url, gate() as opened:
        settings = DatabaseSettings(database_url=url, database_timeout_s=60)
        database = await Database.open(settings, application="tests")
        async with database.connection() as connection:
            key = await create_key(connection, tenant_name="tests", key_name="tests", scopes=frozenset(Scope))
        tenant = await find_tenant(database, key)
        assert tenant is not None
        try:
            yield Stage(engines, url, database, redis, tenant.id, opened, folder, redis_database), key
        finally:
            database.terminate()
            await redis.aclose(close_connection_pool=True)
