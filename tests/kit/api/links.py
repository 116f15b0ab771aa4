"""Makes signed links as a tenant does, and ends their renders as a worker does."""

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
from tests.kit.data.vaults import VAULT
from tests.kit.patience import PATIENCE_S
from tests.kit.processes import NO_TLS

SCREENSHOT = "/v1/screenshot"
URL = "https://example.com/prices"


@dataclass(frozen=True)
class Signer:
    """Signs links with an API key."""

    api_key: str

    @property
    def key_id(self) -> str:
        return self.api_key.split("_", 2)[1]

    def link(self, path: str = SCREENSHOT, *, expires_in_s: float = 3600, **options: str) -> str:
        """Path and query of a link; `__` in the name of an option stands for a dot."""
        dotted = {name.replace("__", "."): value for name, value in options.items()}
        return self.link_with(dotted, path, expires_in_s=expires_in_s)

    def link_with(
        self, options: Mapping[str, str], path: str = SCREENSHOT, *, expires_in_s: float = 3600
    ) -> str:
        """A link with these options, and with `URL` if they contain no address."""
        expires = str(int(time.time() + expires_in_s))
        return self.sealed({"url": URL, "key": self.key_id, "expires": expires, **options}, path)

    def sealed(self, parameters: dict[str, str], path: str = SCREENSHOT) -> str:
        """A link with exactly these parameters and their signature."""
        signature = sign(link_key(self.api_key.split("_", 2)[2]), path, parameters)
        pairs = {**parameters, "signature": signature}.items()
        return f"{path}?" + "&".join(f"{quote(name)}={quote(value, safe='')}" for name, value in pairs)


async def made_key(database: Database, *scopes: Scope, tenant_name: str = "tests") -> Signer:
    """Make an API key that can sign links."""
    await enrol(database, VAULT)
    async with database.connection() as connection:
        key = await create_key(
            connection, tenant_name=tenant_name, key_name="links", scopes=frozenset(scopes), vault=VAULT
        )
    return Signer(key)


def visitor(api: Api) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=f"http://127.0.0.1:{api.port}", trust_env=False, timeout=PATIENCE_S, verify=NO_TLS
    )


@dataclass(frozen=True)
class StandInWorker:
    """Ends the jobs of links, as workers do."""

    database: Database
    redis: ArqRedis
    artifacts: Artifacts
    folder: Path

    async def jobs(self) -> int:
        """How many jobs there are."""
        return int(await self.database.fetchval("SELECT count(*) FROM jobs"))

    async def job(self, *, after: int = 0) -> str:
        """Wait until there are more than `after` jobs; the id of the newest one."""
        async with asyncio.timeout(PATIENCE_S):
            while await self.jobs() <= after:  # noqa: ASYNC110 - a new row causes no event
                await asyncio.sleep(0.01)
        return str(await self.database.fetchval("SELECT id FROM jobs ORDER BY id DESC LIMIT 1"))

    async def succeed(self, job_id: str) -> None:
        """End a job with success, as a worker does."""
        await succeed(self.database, self.artifacts, self.folder, job_id)
        await announce_change(self.redis, UUID(job_id))

    async def loaded(self, client: httpx.AsyncClient, link: str) -> httpx.Response:
        """Load a link whose render succeeds meanwhile."""
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
    """Wait until this many calls wait for a render."""
    async with asyncio.timeout(PATIENCE_S):
        while f'kind="wait"}} {loads}.0' not in (await client.get("/metrics")).text:  # noqa: ASYNC110 - a gauge causes no event
            await asyncio.sleep(0.02)
