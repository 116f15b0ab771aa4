"""The dashboard in a real Chromium, for all tests of this folder."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from urllib.parse import urljoin
from uuid import uuid4

import httpx
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page

from fleet.tenants.api_keys import create_key
from fleet.tenants.tenant import Scope
from tests.kit.data.tenants import find_tenant
from tests.kit.patience import PATIENCE_S
from tests.kit.processes import ProductProcess
from tests.kit.stages.stage import Stage

# axe-core 4.14.1 (Deque Systems, MPL-2.0), unchanged, from its package at npm: `axe.min.js`. For tests alone.
_AXE: Final = Path(__file__).parent / "axe-4.14.1.min.js"
_AXE_SHA256: Final = "29348999450cdf2849a8e70b7912fc2da85a849da39c0d0d5394f51d4a9ed95c"
# Rows of which there are enough before them: axe-core needs seconds for a hundred that are alike.
_FEW_ROWS: Final = """
    for (const row of document.querySelectorAll("tbody tr:nth-child(n+30), .figures tbody tr:nth-child(n+4)"))
        row.remove();
"""
DESKTOP: Final = (1280, 900)
PHONE: Final = (390, 844)
# The tab of the browser does not wait longer than a test does.
_PATIENCE_MS: Final = PATIENCE_S * 1000


@dataclass
class Dashboard:
    """A running API with its data.

    Attributes:
        key: an API key with every scope.
        client: calls the API with this key.
        tenant_name: whose data it shows.
        filled: what the addresses of pages need, by the names in their braces, such as `job_id`.
    """

    stage: Stage
    key: str
    process: ProductProcess
    client: httpx.AsyncClient
    browser: Browser
    filled: dict[str, str] = field(default_factory=dict)
    tenant_name: str = "tests"

    @property
    def address(self) -> str:
        return str(self.client.base_url).rstrip("/")

    @asynccontextmanager
    async def visit(
        self, *, key: str | None = None, size: tuple[int, int] = DESKTOP, **options: Any
    ) -> AsyncIterator["Visit"]:
        """A browser of somebody who has signed in; with `key=""` nobody has."""
        width, height = size
        context = await self.browser.new_context(
            base_url=self.address, viewport={"width": width, "height": height}, **options
        )
        context.set_default_timeout(_PATIENCE_MS)
        try:
            visit = Visit(context, await context.new_page(), self.process.log)
            if key != "":
                await visit.sign_in(key or self.key)
            yield visit
        finally:
            await context.close()


async def of_new_tenant(dashboard: Dashboard) -> Dashboard:
    """The same dashboard for a new tenant without anything, so that a test may do what it likes."""
    name = f"tenant {uuid4()}"
    async with dashboard.stage.database.connection() as connection:
        scopes = frozenset({Scope.READ, Scope.RENDER})
        key = await create_key(connection, tenant_name=name, key_name="own", scopes=scopes)
    tenant = await find_tenant(dashboard.stage.database, key)
    assert tenant is not None
    stage = replace(dashboard.stage, tenant_id=tenant.id)
    return replace(dashboard, key=key, stage=stage, tenant_name=name, filled={})


class Visit:
    """One browser window, and what it has complained of.

    Attributes:
        log: of the API.
        complaints: what the console, uncaught errors and the Content-Security-Policy have said.
    """

    def __init__(self, context: BrowserContext, page: Page, log: Path) -> None:
        self.context = context
        self.page = page
        self.log = log
        self.complaints: list[str] = []
        page.on("console", lambda message: self.complaints.append(_complaint(message)))
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))

    async def sign_in(self, key: str) -> None:
        """Through the form, as people do. It is a request without a page, so it costs nothing."""
        answer = await self.context.request.post(
            "/ui/login", form={"key": key}, headers={"Sec-Fetch-Site": "same-origin"}, max_redirects=0
        )
        assert answer.status == 303, await answer.text()

    async def open(self, path: str) -> None:
        """Load a page, which must be there."""
        answer = await self.page.goto(path)
        assert answer is not None
        assert answer.status == 200, (await answer.text(), self.log.read_text()[-5000:])

    async def follow(self, name: str) -> bool:
        """Open what a link leads to: a click returns before the next page has come. False: no such link."""
        link = self.page.get_by_role("link", name=name)
        if not await link.count():
            return False
        await self.open(urljoin(self.page.url, await link.get_attribute("href") or ""))
        return True

    async def findings(self) -> list[str]:
        """What axe-core finds on the page as it is now, in words. Long tables are shorter from then on."""
        source = _AXE.read_text()
        assert sha256(source.encode()).hexdigest() == _AXE_SHA256
        if not await self.page.evaluate("typeof axe !== 'undefined'"):
            await self.page.evaluate(source)
        await self.page.evaluate(_FEW_ROWS)
        found: list[Mapping[str, Any]] = await self.page.evaluate(
            "axe.run(document, {resultTypes: ['violations']}).then((result) => result.violations)"
        )
        return [
            f"{one['id']}: {node['html']}: {node['failureSummary']}" for one in found for node in one["nodes"]
        ]

    async def sideways(self) -> int:
        """By how many CSS pixels the page is wider than its window."""
        wider: int = await self.page.evaluate(
            "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        return wider

    async def text(self) -> str:
        """What a person reads on the page."""
        return await self.page.locator("main").inner_text()


def _complaint(message: ConsoleMessage) -> str:
    """With the address: "Failed to load resource" alone does not say which."""
    return f"{message.type}: {message.text} ({message.location.get('url')})"


async def until_told(visit: Visit, words: str) -> None:
    """Wait until the page says this."""
    await visit.page.locator("main").filter(has_text=words).wait_for()


async def until_not_told(visit: Visit, words: str) -> None:
    """Wait until the page does not say this any more."""
    gone = "(words) => !document.querySelector('main').innerText.includes(words)"
    await visit.page.wait_for_function(gone, arg=words)
