"""One browser, one full and one empty dashboard for all tests of a process, in the session's loop."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from deploy.embedded.engines.engines import Engines
from tests.kit.data.databases import Databases
from tests.kit.processes import api_process
from tests.kit.stages.stage import opened_stage
from tests.ui.filled import FILLING
from tests.ui.kit.dashboard import Dashboard, of_new_tenant

FOLDER = Path(__file__).parent
_REDIS_DATABASES = {"full": 1, "empty": 2, "pictured": 3, "rendering": 4}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let all tests of this folder share the loop in which the browser lives."""
    for item in items:
        if item.path.is_relative_to(FOLDER):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def chromium(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Browser]:
    """A browser that looks at pages; it takes a second of CPU to start."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=os.environ["RENDERFLEET_CHROMIUM_EXECUTABLE"],
            args=["--no-sandbox"],
            env={**os.environ, "TMPDIR": str(tmp_path_factory.mktemp("chromium"))},
        )
        yield browser
        await browser.close()


@asynccontextmanager
async def dashboard(
    engines: Engines, databases: Databases, folder: Path, browser: Browser
) -> AsyncIterator[Dashboard]:
    """An API with a database of Redis of its own, whose sessions end as soon as their keys do."""
    number = _REDIS_DATABASES[folder.name.rstrip("0123456789")]
    async with opened_stage(engines, databases, folder, redis_database=number) as (stage, key):
        environment = stage.environment(API_KEY_CACHE_S="0", API_MAX_REQUESTS="0")
        async with api_process(environment, folder / "api.log", key) as (process, client):
            yield Dashboard(stage, key, process, client, browser)


@asynccontextmanager
async def filled_dashboard(
    engines: Engines, databases: Databases, folder: Path, browser: Browser
) -> AsyncIterator[Dashboard]:
    """The same, with some of everything."""
    async with dashboard(engines, databases, folder, browser) as opened:
        for fill in FILLING:
            opened.filled |= await fill(opened)
        yield opened


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def empty(
    engines: Engines, databases: Databases, tmp_path_factory: pytest.TempPathFactory, chromium: Browser
) -> AsyncIterator[Dashboard]:
    """A fleet without workers, jobs or anything else. Tests leave it so."""
    async with dashboard(engines, databases, tmp_path_factory.mktemp("empty"), chromium) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def full(
    engines: Engines,
    databases: Databases,
    tmp_path_factory: pytest.TempPathFactory,
    chromium: Browser,
) -> AsyncIterator[Dashboard]:
    """A fleet with some of everything. Tests add, and take away only what they have added."""
    async with filled_dashboard(engines, databases, tmp_path_factory.mktemp("full"), chromium) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def pictured(
    engines: Engines,
    databases: Databases,
    tmp_path_factory: pytest.TempPathFactory,
    chromium: Browser,
) -> AsyncIterator[Dashboard]:
    """The same, to be photographed: nobody adds anything, whichever tests have run before."""
    async with filled_dashboard(engines, databases, tmp_path_factory.mktemp("pictured"), chromium) as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def rendering(
    engines: Engines, databases: Databases, tmp_path_factory: pytest.TempPathFactory, chromium: Browser
) -> AsyncIterator[Dashboard]:
    """A fleet with a worker, and without anything that would keep it busy: the full one has much of that."""
    async with (
        dashboard(engines, databases, tmp_path_factory.mktemp("rendering"), chromium) as opened,
        opened.stage.worker("rendering"),
    ):
        yield opened


@pytest_asyncio.fixture(loop_scope="session")
async def own(full: Dashboard) -> Dashboard:
    """The same dashboard for a tenant of this test alone, which has nothing yet."""
    return await of_new_tenant(full)
