"""Signed links where they belong: in the `<img src>` of a page of somebody else, in a real Chromium."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page, Route, async_playwright

from fleet.tenants.tenant import Scope
from tests.kit.api.links import made_key
from tests.kit.processes import api, free_port
from tests.kit.stage import Stage
from worker.settings import BrowserSettings

# Another site than the API's 127.0.0.1, and one that may be strict (only https and localhost may).
EMBEDDER = "http://localhost/"
SIZE = {"viewport.width": "320", "viewport.height": "200"}


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=str(BrowserSettings().chromium_executable or "") or None,
            chromium_sandbox=True,
            # A page of another address space may not load from loopback, where only tests have an API.
            args=["--disable-features=LocalNetworkAccessChecks"],
        )
        yield await browser.new_page()
        await browser.close()


async def shown(page: Page, pictures: list[str]) -> list[list[int]]:
    """Width and height of each picture, as the browser has them, in a page that embeds only who allows it."""
    body = "".join(f'<img src="{link.replace("&", "&amp;")}">' for link in pictures)

    async def fulfil(route: Route) -> None:
        headers = {"Cross-Origin-Embedder-Policy": "require-corp"}
        await route.fulfill(body=body, content_type="text/html", headers=headers)

    await page.route(EMBEDDER, fulfil)
    await page.goto(EMBEDDER, wait_until="load", timeout=60_000)
    sizes: list[list[int]] = await page.evaluate(
        "() => [...document.images].map((picture) => [picture.naturalWidth, picture.naturalHeight])"
    )
    return sizes


async def test_a_page_shows_what_its_links_promise(stage: Stage, page: Page) -> None:
    signer = await made_key(stage.database, Scope.LINKS)
    stage.gate.open()
    log = stage.folder / "api.log"
    async with stage.worker(), api(stage.environment(), log, signer.api_key) as client:
        base = str(client.base_url).rstrip("/")
        picture = {"url": f"{stage.gate.url}a-page", **SIZE}
        gone = {"url": f"http://127.0.0.1:{free_port()}/", **SIZE}
        links = [
            signer.link_with(picture),
            signer.link_with(picture, expires_in_s=7200),
            signer.link_with({**picture, "format": "webp", "device_scale_factor": "2"}),
            signer.link_with({**gone, "placeholder": "error"}),
            signer.link_with({**gone, "placeholder": "transparent"}),
            signer.link_with(gone),
            signer.link_with(picture) + "0",
        ]
        assert await shown(page, [base + link for link in links]) == [
            [320, 200],
            [320, 200],
            [640, 400],
            [320, 200],
            [1, 1],
            [0, 0],
            [0, 0],
        ]
        # The same picture under two links was rendered once, and is not again.
        assert stage.gate.visits == 2
        assert (await client.get(links[0])).status_code == 200
        assert stage.gate.visits == 2
        document = await client.get(signer.link_with(picture, "/v1/pdf"))
        assert document.content.startswith(b"%PDF-")
        assert document.headers["content-type"] == "application/pdf"
        text = log.read_text()
        assert '"route": "/v1/screenshot"' in text
        assert "signature" not in text
