"""Who loads signed links, and who makes their renders, for the tests of them."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import httpx
import pytest
from arq.connections import ArqRedis

from fleet.announcements import announce_change
from fleet.artifacts import Artifacts
from fleet.database import Pool
from fleet.tenants import Scope
from tests.integration.api.calls import fail, succeed
from tests.integration.api.conftest import Api
from tests.integration.api.links import Signer, made_key


@pytest.fixture
async def signer(database: Pool) -> Signer:
    return await made_key(database, Scope.LINKS)


@pytest.fixture
async def anyone(api: Api) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody without an API key, such as a browser."""
    async with visitor(api) as client:
        yield client


def visitor(api: Api) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=f"http://127.0.0.1:{api.port}", trust_env=False, timeout=20)


@dataclass(frozen=True)
class Fleet:
    """What makes renders, played by the test."""

    database: Pool
    redis: ArqRedis
    artifacts: Artifacts
    folder: Path

    async def jobs(self) -> int:
        """How many there are."""
        return int(await self.database.fetchval("SELECT count(*) FROM jobs"))

    async def job(self, *, after: int = 0) -> str:
        """The id of the newest job as soon as there are more than so many."""
        async with asyncio.timeout(10):
            while await self.jobs() <= after:  # noqa: ASYNC110 - rows tell nobody
                await asyncio.sleep(0.01)
        return str(await self.database.fetchval("SELECT id FROM jobs ORDER BY id DESC LIMIT 1"))

    async def succeed(self, job_id: str) -> None:
        """End a job as a worker does."""
        await succeed(self.database, self.artifacts, self.folder, job_id)
        await announce_change(self.redis, UUID(job_id))

    async def loaded(self, client: httpx.AsyncClient, link: str) -> httpx.Response:
        """Load a link whose render is made meanwhile."""
        before = await self.jobs()
        load = asyncio.create_task(client.get(link))
        await self.succeed(await self.job(after=before))
        return await load

    async def failed(self, client: httpx.AsyncClient, link: str) -> httpx.Response:
        """Load a link whose render fails meanwhile."""
        before = await self.jobs()
        load = asyncio.create_task(client.get(link))
        job_id = await self.job(after=before)
        await fail(self.database, job_id)
        await announce_change(self.redis, UUID(job_id))
        return await load


@pytest.fixture
def fleet(database: Pool, redis: ArqRedis, artifacts: Artifacts, tmp_path: Path) -> Fleet:
    return Fleet(database, redis, artifacts, tmp_path)


async def waiting(client: httpx.AsyncClient, loads: int) -> None:
    """Return when so many loads wait for a render."""
    async with asyncio.timeout(10):
        while f'kind="wait"}} {loads}.0' not in (await client.get("/metrics")).text:  # noqa: ASYNC110 - gauges tell nobody
            await asyncio.sleep(0.02)
