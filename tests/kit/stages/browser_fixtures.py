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


@pytest_asyncio.fixture(loop_scope="session", scope="session")
async def shared(site: Site) -> AsyncIterator[BrowserStage]:
    """One pool for all tests that do not harm it: a browser takes a second of CPU to start.

    tests/conftest.py runs these tests in the event loop of the session, one after the other. Their own async
    fixtures need `loop_scope="session"`.
    """
    async with browser_stage(
        site,
        browser_max_pages=2,
        browser_warm_pages=1,
        # It is replaced for no age: some tests look at its process.
        browser_max_renders=100_000,
        browser_max_age_s=86_400,
        browser_max_rss_mb=4096,
    ) as started:
        yield started
