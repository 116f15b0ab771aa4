"""Fixtures for tests of signed links: a key that signs, a client without a key, a stand-in for workers."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from arq.connections import ArqRedis

from fleet.artifacts.store import Artifacts
from fleet.database import Database
from fleet.tenants.tenant import Scope
from tests.integration.api.conftest import Api
from tests.kit.api.links import Signer, StandInWorker, made_key, visitor


@pytest.fixture
async def signer(database: Database) -> Signer:
    return await made_key(database, Scope.LINKS)


@pytest.fixture
async def anyone(api: Api) -> AsyncIterator[httpx.AsyncClient]:
    """A client without an API key, such as a browser."""
    async with visitor(api) as client:
        yield client


@pytest.fixture
def fleet(database: Database, redis: ArqRedis, artifacts: Artifacts, tmp_path: Path) -> StandInWorker:
    return StandInWorker(database, redis, artifacts, tmp_path)
