"""What a test of the whole product needs: engines, a tenant, workers, and a web server with a gate."""

import asyncio
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

from arq.connections import ArqRedis

from deploy.embedded.engines.engines import Engines
from fleet.database import Database
from fleet.egress.policy import AddressPolicy
from fleet.egress.settings import EgressSettings
from fleet.jobs import accept, read
from fleet.jobs.job import Job, queued_job
from fleet.queue import dispatch
from fleet.render.request import RenderRequest
from tests.kit.patience import PATIENCE_S
from tests.kit.processes import ProductProcess, product_environment, worker
from tests.kit.stages.gate import Gate
from tests.kit.vaults import VAULT

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

    def environment(self, **settings: str) -> dict[str, str]:
        """Settings for a process; their names are given without the prefix."""
        own = {f"RENDERFLEET_{name}": value for name, value in settings.items()}
        return {**product_environment(self.engines, self.database_url, self.folder / "data"), **own}

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
