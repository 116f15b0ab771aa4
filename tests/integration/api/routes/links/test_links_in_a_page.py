"""Signed links where they belong: in the `<img src>` of a page of somebody else, in a real Chromium."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page, Route, async_playwright

from fleet.tenants.tenant import Scope
from tests.integration.api.conftest import Serve
from tests.kit.api.links import URL, Signer, StandInWorker, made_key, visitor
from tests.kit.processes import api, free_port
from tests.kit.stages.stage import Stage
from worker.settings import BrowserSettings

pytest_plugins = ("tests.kit.api.link_fixtures",)

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


async def test_a_page_of_another_site_learns_the_status_of_each_refusal(
    serve: Serve, signer: Signer, fleet: StandInWorker, page: Page
) -> None:
    """A browser keeps a refusal that is not for other sites from the page's author, status and all."""
    other = await made_key(fleet.database, Scope.LINKS, tenant_name="another")
    async with serve(LINK_WAIT_S=0.3, TENANT_MAX_QUEUED=1) as api, visitor(api) as anyone:
        failed, pending = other.link(), signer.link(url=f"{URL}?pending")
        await fleet.failed(anyone, failed)
        await anyone.get(pending)
        expected = {
            signer.link() + "0": 401,
            signer.link(expires_in_s=-5): 403,
            signer.link(ful_page="true"): 422,
            signer.link(url=f"{URL}?one-too-many"): 429,
            signer.link(url=f"{URL}?{'x' * 40_000}"): 431,
            failed: 502,
            pending: 503,
            signer.link(url=f"{URL}?pending", placeholder="error"): 200,
        }
        base = f"http://127.0.0.1:{api.port}"
        answered: dict[str, int] = {}
        blocked: list[str | None] = []
        page.on("response", lambda answer: answered.update({answer.url.removeprefix(base): answer.status}))
        page.on("requestfailed", lambda request: blocked.append(request.failure))
        sizes = await shown(page, [base + link for link in expected])
        assert not blocked
        assert {link: answered.get(link) for link in expected} == expected
        assert sizes == [[0, 0]] * 7 + [[1280, 720]]
