"""What a page waits for: fonts have their time and no more, and a time-out names what did not come."""

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from fleet.errors import ErrorType, RenderError
from tests.kit.documents.image_warnings import without_image_warnings
from tests.kit.servers.http2_server import http2_server
from tests.kit.stages.browser_stage import MAX_BYTES, TERMS, BrowserStage, request_for
from worker.render import pipeline

pytest_plugins = ("tests.kit.stages.browser_fixtures",)

WITHOUT_FONTS = ["fonts: not all were loaded within 3000 ms"]


async def time_out(stage: BrowserStage, path: str | None = None, **options: Any) -> str:
    """The detail of a render that ends in `navigation_timeout`."""
    with pytest.raises(RenderError) as caught:
        await stage.render(path, **{"navigation_timeout_ms": 1_000, **options})
    assert caught.value.type is ErrorType.NAVIGATION_TIMEOUT
    return caught.value.detail


@pytest.mark.parametrize("wait_until", ["domcontentloaded", "load", "networkidle"])
@pytest.mark.parametrize("format_", ["png", "pdf"])
async def test_a_font_that_never_comes_is_done_without(
    shared: BrowserStage, wait_until: str, format_: str
) -> None:
    loop = asyncio.get_running_loop()
    started = loop.time()
    rendered = await shared.render("/silent-font", wait_until=wait_until, format=format_)
    assert rendered.warnings == WITHOUT_FONTS
    assert loop.time() - started < 8


async def test_a_font_of_a_frame_is_done_without_too(shared: BrowserStage) -> None:
    html = f"<title>framed</title><iframe src={shared.site.url('/silent-font')}></iframe>"
    rendered = await shared.render(html=html)
    assert (rendered.page.title, rendered.warnings) == ("framed", WITHOUT_FONTS)


async def test_what_else_is_missing_is_awaited_all_the_same(shared: BrowserStage) -> None:
    before = shared.site.answered["/slow"]
    rendered = await shared.render("/silent-font?more=<img src='/slow?ms=4500'>")
    assert shared.site.answered["/slow"] == before + 1
    assert without_image_warnings(rendered) == WITHOUT_FONTS


@pytest.mark.parametrize(
    "script",
    [
        "fetch('{0}')",
        "fetch('{0}', {{keepalive: true}})",
        "fetch('{0}', {{mode: 'no-cors'}})",
        "fetch('{0}', {{method: 'POST', body: 'x'}})",
        "fetch('{0}').then(answer => answer.body.getReader().read())",
        "navigator.sendBeacon('{0}', 'x')",
        "new Image().src = '{0}'",
        "fetch('{0}?ms=600')",
        "fetch('{0}?size=3000000')",  # more than Chromium takes of an answer that nobody reads
    ],
)
@pytest.mark.parametrize("given", ["url", "html"])
async def test_an_answer_that_nobody_reads_does_not_keep_the_network_busy(
    shared: BrowserStage, script: str, given: str
) -> None:
    html = f"<title>read</title><script>{script.format(shared.site.url('/not-stored'))}</script>"
    source = html if given == "html" else shared.site.url(f"/given?html={quote(html)}")
    options: dict[str, Any] = {given: source, "wait_until": "networkidle", "navigation_timeout_ms": 8_000}
    rendered = await shared.render(**options)
    assert (rendered.page.title, rendered.warnings) == ("read", [])


async def test_an_answer_that_is_still_coming_is_awaited(shared: BrowserStage) -> None:
    """Longer than any silence that is told from an answer that nobody reads."""
    before = shared.site.answered["/not-stored"]
    html = f"<script>fetch('{shared.site.url('/not-stored?ms=1500')}')</script>"
    await shared.render(html=html, wait_until="networkidle")
    assert shared.site.answered["/not-stored"] == before + 1


async def test_an_answer_that_nobody_reads_through_a_tunnel(shared: BrowserStage, tmp_path: Path) -> None:
    async with http2_server(tmp_path) as port, shared.pool.page() as page:
        await page.send("Security.setIgnoreCertificateErrors", ignore=True)
        script = f"fetch('https://127.0.0.1:{port}/not-stored', {{mode: 'no-cors'}})"
        html = f"<title>read</title><script>{script}</script>"
        request = request_for(html=html, wait_until="networkidle", navigation_timeout_ms=8_000)
        rendered = await pipeline.render(page, request, shared.output, TERMS, max_bytes=MAX_BYTES)
    assert rendered.page.title == "read"


@pytest.mark.parametrize("wait_until", ["load", "networkidle"])
async def test_a_time_out_names_the_part_that_did_not_come(shared: BrowserStage, wait_until: str) -> None:
    detail = await time_out(shared, "/with-part?part=/silent?secret=1", wait_until=wait_until)
    expected = f"for wait_until={wait_until}; reached so far: commit, DOMContentLoaded; still open: "
    assert detail == f"waited 1000 ms {expected}{shared.site.url('/silent')}"


async def test_a_time_out_names_the_document_that_did_not_come(shared: BrowserStage) -> None:
    detail = await time_out(shared, "/redirect?to=/silent")
    assert detail.endswith(f"reached so far: nothing; still open: {shared.site.url('/silent')}")
    detail = await time_out(shared, "/never")
    assert detail.endswith(f"reached so far: commit; still open: {shared.site.url('/never')}")


async def test_a_time_out_names_a_request_of_a_script(shared: BrowserStage) -> None:
    script = f"<script>fetch('{shared.site.url('/silent')}', {{mode: 'no-cors'}})</script>"
    detail = await time_out(shared, html=script, wait_until="networkidle")
    assert detail.endswith(
        f"reached so far: commit, DOMContentLoaded, load; still open: {shared.site.url('/silent')}"
    )


async def test_a_time_out_tells_of_scripts_without_end(shared: BrowserStage) -> None:
    assert (await time_out(shared, "/loop")).endswith("; the page is busy, so that it does not answer")


@pytest.mark.parametrize(
    "html",
    ["<img src='{}silent?secret=1'>", "<iframe src='{}silent'></iframe>", "<script src='{}silent'></script>"],
)
async def test_a_time_out_names_what_did_not_come_through_a_tunnel(
    shared: BrowserStage, tmp_path: Path, html: str
) -> None:
    async with http2_server(tmp_path) as port:
        site = f"https://127.0.0.1:{port}/"
        assert (await over_tls(shared, html=html.format(site))).endswith(f"; still open: {site}silent")


async def test_a_time_out_names_a_request_of_a_script_through_a_tunnel(
    shared: BrowserStage, tmp_path: Path
) -> None:
    async with http2_server(tmp_path) as port:
        url = f"https://127.0.0.1:{port}/silent"
        html = f"<script>fetch('{url}?secret=1').then(() => window.isReady = true)</script>"
        detail = await over_tls(shared, html=html, wait_for_function="window.isReady")
        assert detail.endswith(f"; still open: {url}")


@pytest.mark.parametrize("path", ["silent", "half"])
async def test_a_time_out_names_a_document_that_did_not_come_through_a_tunnel(
    shared: BrowserStage, tmp_path: Path, path: str
) -> None:
    async with http2_server(tmp_path) as port:
        url = f"https://127.0.0.1:{port}/{path}"
        assert (await over_tls(shared, url=url)).endswith(f"; still open: {url}")


async def over_tls(stage: BrowserStage, **options: Any) -> str:
    async with stage.pool.page() as page:
        await page.send("Security.setIgnoreCertificateErrors", ignore=True)
        request = request_for(navigation_timeout_ms=1_500, **options)
        with pytest.raises(RenderError) as caught:
            await pipeline.render(page, request, stage.output, TERMS, max_bytes=MAX_BYTES)
    assert caught.value.type is ErrorType.NAVIGATION_TIMEOUT
    return caught.value.detail
