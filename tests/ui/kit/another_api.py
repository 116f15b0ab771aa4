"""A second API on the data of a dashboard, for tests that stop it or take something away from it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from tests.kit.processes import ProductProcess, started
from tests.ui.kit.dashboard import Dashboard


@asynccontextmanager
async def another_api(
    dashboard: Dashboard, log: Path, port: int, **settings: str
) -> AsyncIterator[ProductProcess]:
    """An API at this port, on the same data."""
    environment = dashboard.stage.environment(**settings)
    words = ("uvicorn", "--factory", "api.main:create_app", "--port", str(port), "--no-access-log")
    async with started(*words, environment=environment, log=log) as process:
        await process.logged("Application startup complete")
        yield process
