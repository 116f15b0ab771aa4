"""While Postgres, Redis or S3 is away, each page says so, shows what it can, and comes back by itself."""

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from typing import Final

import httpx
import pytest
import pytest_asyncio
from playwright.async_api import expect

from api.ui.site import PAGES
from tests.kit.patience import PATIENCE_S
from tests.kit.processes import free_port
from tests.kit.servers.tcp_forwarder import TcpForwarder, forwarded
from tests.ui.kit.another_api import another_api
from tests.ui.kit.dashboard import Dashboard, Visit

expect.set_options(timeout=PATIENCE_S * 1000)
# Nothing that it shows is stored.
_WITHOUT_DATABASE: Final = {"/ui/schedules/new"}


@dataclass(frozen=True, slots=True)
class Weak:
    """A dashboard whose connections to its engines a test can cut."""

    dashboard: Dashboard
    postgres: TcpForwarder
    redis: TcpForwarder
    s3: TcpForwarder

    @property
    def paths(self) -> list[str]:
        return [page.path.format(**self.dashboard.filled) for page in PAGES]


@pytest_asyncio.fixture(loop_scope="session", scope="module")
async def weak(full: Dashboard, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Weak]:
    port, log = free_port(), tmp_path_factory.mktemp("weak") / "api.log"
    engines = full.stage.engines
    async with (
        forwarded(full.stage.database_url) as (postgres, database_url),
        forwarded(f"{engines.redis_url}/{full.stage.redis_database}") as (redis, redis_url),
        forwarded(f"{engines.s3_endpoint_url}/") as (s3, s3_url),
        another_api(
            full,
            log,
            port,
            DATABASE_URL=database_url,
            REDIS_URL=redis_url,
            S3_ENDPOINT_URL=s3_url.rstrip("/"),
            API_KEY_CACHE_S="300",
        ),
        httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client,
    ):
        yield Weak(replace(full, client=client), postgres, redis, s3)


async def read(visit: Visit, path: str) -> tuple[int, str]:
    answer = await visit.context.request.get(path)
    return answer.status, await answer.text()


async def come_back(visit: Visit, path: str, *, until: Callable[[str], bool] = lambda _: True) -> None:
    """Ask until the page is there, as it does itself, and complains of nothing."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            status, text = await read(visit, path)
            if status == 200 and until(text):
                return
            await asyncio.sleep(0.1)  # no event tells that the API has a connection again


async def test_without_postgres_each_page_says_so_and_asks_again(weak: Weak) -> None:
    async with weak.dashboard.visit() as visit:
        # The key is known from now on, so that it is the page that fails.
        assert (await read(visit, "/ui/fleet"))[0] == 200
        await weak.postgres.cut()
        try:
            for path in weak.paths:
                status, text = await read(visit, path)
                assert status == (200 if path in _WITHOUT_DATABASE else 503), path
                assert status == 200 or "This page asks again by itself" in text, path
        finally:
            await weak.postgres.resume()
        for path in weak.paths:
            await come_back(visit, path)


async def test_without_redis_each_page_is_there(weak: Weak) -> None:
    async with weak.dashboard.visit() as visit:
        await weak.redis.cut()
        try:
            for path in weak.paths:
                status, text = await read(visit, path)
                assert status == 200, path
                assert ("Redis does not answer" in text) is (path == "/ui/queue"), path
        finally:
            await weak.redis.resume()
        for path in weak.paths:
            await come_back(visit, path, until=lambda text: "Redis does not answer" not in text)


async def test_without_s3_each_page_is_there_and_its_pictures_come_later(weak: Weak) -> None:
    async with weak.dashboard.visit() as visit:
        await visit.page.clock.install()
        await weak.s3.cut()
        try:
            for path in weak.paths:
                assert (await read(visit, path))[0] == 200, path
            async with visit.page.expect_response("**/artifact") as answered:
                await visit.open(f"/ui/jobs/{weak.dashboard.filled['job_id']}")
            assert (await answered.value).status == 503
            canvas = visit.page.locator(".canvas.is-away")
            await expect(canvas).to_be_visible()
            said = await canvas.evaluate("(one) => getComputedStyle(one, '::after').content")
            assert "The picture cannot be read now" in said
        finally:
            await weak.s3.resume()
        for path in weak.paths:
            assert (await read(visit, path))[0] == 200, path
        picture = visit.page.locator(".canvas img")
        async with visit.page.expect_response("**/artifact"):
            await visit.page.clock.fast_forward(5_000)
        await expect(picture).to_have_js_property("naturalWidth", 1280)
        await expect(visit.page.locator(".is-away")).to_have_count(0)
