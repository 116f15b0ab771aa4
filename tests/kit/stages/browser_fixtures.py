"""Fixtures of browsers, for a module with `pytest_plugins = ("tests.kit.stages.browser_fixtures",)`."""

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests.kit.stages.browser_stage import BrowserStage, browser_stage
from tests.site.server import Site


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    with Site() as started:
        yield started


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def shared(site: Site) -> AsyncIterator[BrowserStage]:
    """One pool for all tests of a module that do not harm it."""
    async with browser_stage(site, browser_max_pages=2, browser_warm_pages=1) as started:
        yield started
