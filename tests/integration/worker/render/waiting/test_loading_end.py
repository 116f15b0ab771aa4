"""Pages whose loading ends without a load event, or never: the end is noticed at once, and told."""

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from fleet.errors import ErrorType, RenderError
from tests.kit.documents.image_warnings import without_image_warnings
from tests.kit.servers.http2_server import http2_server
from tests.kit.stages.browser_stage import MAX_BYTES, POLICY, TERMS, BrowserStage, request_for
from worker.egress.terms import Caps, Terms
from worker.render import pipeline

pytest_plugins = ("tests.kit.stages.browser_fixtures",)

# Much longer than any of these renders takes, and shorter than a test may take.
LIMIT_MS = 8_000


async def refusal(stage: BrowserStage, path: str | None = None, **options: Any) -> RenderError:
    with pytest.raises(RenderError) as caught:
        await stage.render(path, navigation_timeout_ms=LIMIT_MS, **options)
    return caught.value


async def assert_shown_as_it_is(stage: BrowserStage, path: str | None = None, **options: Any) -> None:
    rendered = await stage.render(path, navigation_timeout_ms=LIMIT_MS, **options)
    assert rendered.page.title == "left"
    (warning,) = without_image_warnings(rendered)
    assert warning.startswith(
        f"loading: the page never reached wait_until={options.get('wait_until', 'auto')}:"
    )


@pytest.mark.parametrize(
    "to",
    [
        "mailto:a@b.example",
        "tel:1",
        "app-of-mine://x",
        "/no-content",
        "/status?code=205%26empty=1",
        "/download",
    ],
)
async def test_a_script_that_leads_to_no_page_leaves_the_page_as_it_is(shared: BrowserStage, to: str) -> None:
    await assert_shown_as_it_is(shared, f"/redirect-by-script?to={to}")


async def test_a_form_without_an_answer_leaves_the_page_as_it_is(shared: BrowserStage) -> None:
    await assert_shown_as_it_is(shared, "/redirect-by-form?to=/no-content")


@pytest.mark.parametrize("wait_until", ["domcontentloaded", "load", "networkidle", "auto"])
@pytest.mark.parametrize("format_", ["png", "pdf"])
async def test_whatever_is_awaited_and_made_of_it(
    shared: BrowserStage, wait_until: str, format_: str
) -> None:
    path = "/redirect-by-script?to=/no-content"
    await assert_shown_as_it_is(shared, path, wait_until=wait_until, format=format_)


@pytest.mark.parametrize(
    "script",
    ["location = '{}'", "window.stop()", "setTimeout(() => window.stop(), 100)"],
    ids=["no content", "stop", "stop later"],
)
@pytest.mark.parametrize("format_", ["png", "pdf"])
async def test_given_html_is_shown_as_it_is_too(shared: BrowserStage, script: str, format_: str) -> None:
    script = script.format(shared.site.url("/no-content"))
    html = f"<title>left</title><img src={shared.site.url('/slow?ms=800')}><script>{script}</script><p>after"
    await assert_shown_as_it_is(shared, html=html, format=format_)


@pytest.mark.parametrize("wait_until", ["load", "networkidle"])
async def test_the_parts_of_a_page_that_is_left_so_are_awaited(shared: BrowserStage, wait_until: str) -> None:
    before = shared.site.answered["/slow"]
    part = f"<img src={shared.site.url('/slow?ms=1500')}>"
    leave = f"setTimeout(() => location = '{shared.site.url('/no-content')}', 100)"
    html = f"<title>left</title>{part}<script>{leave}</script>"
    await assert_shown_as_it_is(shared, html=html, wait_until=wait_until)
    await assert_shown_as_it_is(shared, f"/given?html={quote(html)}", wait_until=wait_until)
    assert shared.site.answered["/slow"] == before + 2


@pytest.mark.parametrize(
    "part",
    [
        "<img src={}>",
        "<iframe src={}></iframe>",
        "<script src={}></script>",
    ],
)
async def test_a_slow_part_of_given_html_is_awaited(shared: BrowserStage, part: str) -> None:
    """Longer than Chromium's silence makes one ask the page, which says that it is complete."""
    before = shared.site.answered["/slow"]
    html = "<title>slow part</title>" + part.format(shared.site.url("/slow?ms=1500"))
    rendered = await shared.render(html=html, navigation_timeout_ms=LIMIT_MS)
    assert shared.site.answered["/slow"] == before + 1
    assert (rendered.page.title, without_image_warnings(rendered)) == ("slow part", [])


async def test_a_later_navigation_that_leads_to_no_page_changes_nothing(shared: BrowserStage) -> None:
    rendered = await shared.render("/redirect-after-load?to=/no-content", navigation_timeout_ms=LIMIT_MS)
    assert (rendered.page.title, rendered.warnings) == ("left", [])


@pytest.mark.parametrize("path", ["/short", "/short?type=image/png", "/cut-chunk", "/reset", "/mislabelled"])
@pytest.mark.parametrize("wait_until", ["domcontentloaded", "load", "networkidle"])
async def test_a_transfer_that_breaks_off_is_no_page(
    shared: BrowserStage, path: str, wait_until: str
) -> None:
    error = await refusal(shared, path, wait_until=wait_until)
    assert error.type is ErrorType.CONNECTION_FAILED
    assert error.detail.startswith("the transfer of the page broke off: net::ERR_")


async def test_a_broken_transfer_is_no_page_wherever_scripts_lead(shared: BrowserStage) -> None:
    error = await refusal(shared, "/redirect-by-script?to=/short", format="pdf")
    assert error.type is ErrorType.CONNECTION_FAILED


async def test_a_broken_transfer_in_a_tunnel_is_no_page(shared: BrowserStage, tmp_path: Path) -> None:
    async with http2_server(tmp_path) as port, shared.pool.page() as page:
        await page.send("Security.setIgnoreCertificateErrors", ignore=True)
        request = request_for(url=f"https://127.0.0.1:{port}/broken", navigation_timeout_ms=LIMIT_MS)
        with pytest.raises(RenderError) as caught:
            await pipeline.render(page, request, shared.output, TERMS, max_bytes=MAX_BYTES)
    assert caught.value.type is ErrorType.CONNECTION_FAILED
    assert "net::ERR_HTTP2" in caught.value.detail


@pytest.mark.parametrize(
    ("coding", "framing", "format_"),
    [
        ("gzip", "length", "png"),
        ("gzip", "chunk", "pdf"),
        ("gzip", "close", "png"),
        ("deflate", "close", "pdf"),
        ("br", "chunk", "png"),
        ("zstd", "length", "pdf"),
    ],
)
async def test_a_compressed_page_that_ends_too_early_is_no_page(
    shared: BrowserStage, coding: str, framing: str, format_: str
) -> None:
    path = f"/coded?coding={coding}&framing={framing}"
    whole = await shared.render(path, format=format_)
    assert (whole.page.title, whole.warnings) == ("coded", [])
    error = await refusal(shared, f"{path}&cut=1", format=format_)
    assert error.type is ErrorType.CONNECTION_FAILED
    assert error.detail.startswith("the transfer of the page broke off: its compressed body")


async def test_nothing_else_is_waited_for_in_a_page_that_has_ended_too_early(shared: BrowserStage) -> None:
    error = await refusal(shared, "/coded/waiting?coding=gzip&cut=1")
    assert error.type is ErrorType.CONNECTION_FAILED


async def test_parts_that_end_too_early_are_named(shared: BrowserStage) -> None:
    def page_of(cut: str) -> str:
        paths = ("/style", "/script", "/image", "")
        style, script, image, frame = (shared.site.url(f"/coded{path}?coding=gzip{cut}") for path in paths)
        parts = f"<link rel=stylesheet href={style}><script src={script}></script><img src={image}>"
        return f"<title>whole</title>{parts}<iframe src={frame}></iframe>"

    whole = await shared.render(html=page_of(""))
    assert (whole.page.title, without_image_warnings(whole)) == ("run", [])
    (warning,) = without_image_warnings(await shared.render(html=page_of("&cut=1")))
    assert warning.startswith("egress: the compressed bodies of these ended too early:")
    assert all(shared.site.url(f"/coded{path}") in warning for path in ("/style", "/script", "/image", ""))


async def test_a_page_whose_own_address_gives_a_broken_part_is_whole(shared: BrowserStage) -> None:
    """The part, not the page, is in doubt."""
    rendered = await shared.render("/coded/fetching?coding=gzip", navigation_timeout_ms=LIMIT_MS)
    assert rendered.page.title == "coded"
    assert len(rendered.warnings) == 1


async def test_a_page_of_more_bytes_than_it_may_have_is_told_so(shared: BrowserStage) -> None:
    error = await refusal(shared, "/huge", terms=Terms(POLICY, caps=Caps(max_bytes=1_000_000)))
    assert error.type is ErrorType.CONTENT_REJECTED


async def test_a_broken_frame_or_picture_leaves_the_page_whole(shared: BrowserStage) -> None:
    frames = "".join(
        f"<iframe src={shared.site.url(path)}></iframe>" for path in ("/short", "/no-content", "/download")
    )
    html = f"<title>whole</title>{frames}<iframe src=mailto:a@b.example></iframe>"
    rendered = await shared.render(html=html, navigation_timeout_ms=LIMIT_MS)
    assert (rendered.page.title, rendered.warnings) == ("whole", [])


async def test_a_film_is_awaited(shared: BrowserStage) -> None:
    """Chromium stops loading the document that it makes around it, and then loads the film."""
    rendered = await shared.render("/short?type=video/mp4", navigation_timeout_ms=LIMIT_MS)
    assert rendered.warnings == []


@pytest.mark.parametrize("script", ["for(;;);", "for(;;)alert(1)"])
async def test_scripts_of_given_html_keep_within_the_limit(shared: BrowserStage, script: str) -> None:
    loop = asyncio.get_running_loop()
    started = loop.time()
    with pytest.raises(RenderError) as caught:
        await shared.render(html=f"<script>{script}</script>", navigation_timeout_ms=700, timeout_ms=20_000)
    assert caught.value.type is ErrorType.NAVIGATION_TIMEOUT
    assert "700 ms" in caught.value.detail
    assert loop.time() - started < 5
