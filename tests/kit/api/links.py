"""Signed links as a tenant makes them, for the tests of them."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote
from uuid import UUID

import httpx
from arq.connections import ArqRedis

from fleet.artifacts.store import Artifacts
from fleet.database import Database
from fleet.queue.announcements import announce_change
from fleet.render.link_signature import link_key, sign
from fleet.tenants.api_keys import create_key
from fleet.tenants.tenant import Scope
from fleet.vault import enrol
from tests.integration.api.conftest import Api
from tests.kit.api.calls import fail, succeed
from tests.kit.vaults import VAULT

SCREENSHOT = "/v1/screenshot"
URL = "https://example.com/prices"


@dataclass(frozen=True)
class Signer:
    """Whoever holds an API key."""

    api_key: str

    @property
    def key_id(self) -> str:
        return self.api_key.split("_", 2)[1]

    def link(self, path: str = SCREENSHOT, *, expires_in_s: float = 3600, **options: str) -> str:
        """A link from the path on; a `__` in a name stands for a dot."""
        dotted = {name.replace("__", "."): value for name, value in options.items()}
        return self.link_with(dotted, path, expires_in_s=expires_in_s)

    def link_with(
        self, options: Mapping[str, str], path: str = SCREENSHOT, *, expires_in_s: float = 3600
    ) -> str:
        """A link with these options, and the usual address unless they have one."""
        expires = str(int(time.time() + expires_in_s))
        return self.sealed({"url": URL, "key": self.key_id, "expires": expires, **options}, path)

    def sealed(self, parameters: dict[str, str], path: str = SCREENSHOT) -> str:
        """A link with exactly these parameters, and their signature."""
        signature = sign(link_key(self.api_key.split("_", 2)[2]), path, parameters)
        pairs = {**parameters, "signature": signature}.items()
        return f"{path}?" + "&".join(f"{quote(name)}={quote(value, safe='')}" for name, value in pairs)


async def made_key(database: Database, *scopes: Scope, tenant_name: str = "tests") -> Signer:
    """A key of a tenant, with what checks its links."""
    await enrol(database, VAULT)
    async with database.connection() as connection:
        key = await create_key(
            connection, tenant_name=tenant_name, key_name="links", scopes=frozenset(scopes), vault=VAULT
        )
    return Signer(key)


def visitor(api: Api) -> httpx.AsyncClient:
    return httpx.AsyncClient(base_url=f"http://127.0.0.1:{api.port}", trust_env=False, timeout=20)


@dataclass(frozen=True)
class Fleet:
    """What makes renders, played by the test."""

    database: Database
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


async def waiting(client: httpx.AsyncClient, loads: int) -> None:
    """Return when so many loads wait for a render."""
    async with asyncio.timeout(10):
        while f'kind="wait"}} {loads}.0' not in (await client.get("/metrics")).text:  # noqa: ASYNC110 - gauges tell nobody
            await asyncio.sleep(0.02)
