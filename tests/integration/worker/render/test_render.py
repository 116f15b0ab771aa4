"""The pipeline on a real browser: what comes out for what goes in."""

import asyncio
import hashlib
from typing import Any
from urllib.parse import quote

import pytest
from PIL import Image

from fleet.errors import ErrorType, RenderError
from tests.kit.stages.browser_stage import FORBIDDEN_HOST, SITE_DOMAIN, BrowserStage
from tests.site.pages import BAND_PX, band_colour

pytest_plugins = ("tests.kit.stages.browser_fixtures",)


async def refusal(shared: BrowserStage, path: str | None = None, **options: Any) -> RenderError:
    with pytest.raises(RenderError) as caught:
        await shared.render(path, **options)
    return caught.value


def colour(picture: Image.Image, x: int, y: int) -> tuple[int, ...]:
    found = picture.convert("RGB").crop((x, y, x + 1, y + 1)).tobytes()
    return tuple(found)


@pytest.mark.parametrize(("format_", "pillow"), [("png", "PNG"), ("jpeg", "JPEG"), ("webp", "WEBP")])
async def test_picture_of_an_address(shared: BrowserStage, format_: str, pillow: str) -> None:
    rendered = await shared.render("/photo", format=format_)
    data = shared.output.read_bytes()
    assert rendered.artifact.content_type == f"image/{format_}"
    assert rendered.artifact.size_bytes == len(data)
    assert rendered.artifact.sha256 == hashlib.sha256(data).hexdigest()
    with Image.open(shared.output) as picture:
        assert picture.format == pillow
        assert picture.size == (rendered.artifact.width_px, rendered.artifact.height_px) == (1280, 720)
        assert len(picture.convert("RGB").getcolors(2_000_000) or ()) > 10_000, "the photographs are missing"
    assert rendered.page.final_url == shared.site.url("/photo")
    assert (rendered.page.http_status, rendered.page.title) == (200, "photo")
    assert set(rendered.timings_ms) == {"context", "navigation", "readiness", "capture"}
    assert rendered.warnings == []


async def test_quality_makes_a_picture_smaller(shared: BrowserStage) -> None:
    sizes = [
        (await shared.render("/photo", format="jpeg", quality=quality)).artifact.size_bytes
        for quality in (30, 85)
    ]
    assert sizes[0] < sizes[1] * 0.7
    assert (await shared.render("/photo", format="jpeg")).artifact.size_bytes == sizes[1]


async def test_html_has_an_opaque_origin_and_waits_for_its_pictures(shared: BrowserStage) -> None:
    html = f"""<!doctype html><title>given</title><body style="margin:0">
        <img src="{shared.site.url("/photo/1.jpg")}"><script>document.title += " " + origin</script>"""
    rendered = await shared.render(html=html)
    assert (rendered.page.title, rendered.page.final_url) == ("given null", "about:blank")
    assert rendered.page.http_status is None
    with Image.open(shared.output) as picture:
        assert len(picture.convert("RGB").crop((0, 0, 900, 600)).getcolors(2_000_000) or ()) > 10_000


@pytest.mark.parametrize(
    ("before", "mode"),
    [
        ("", "CSS1Compat"),
        ("\ufeff", "CSS1Compat"),
        ("\r\n<!-- comment -->", "CSS1Compat"),
        ("\ufeff\ufeff", "BackCompat"),
        (" \ufeff", "BackCompat"),
        ("\u200b", "BackCompat"),
    ],
)
async def test_the_same_bytes_give_the_same_page_by_url_and_by_html(
    shared: BrowserStage, before: str, mode: str
) -> None:
    html = f"{before}<!doctype html><h1>same</h1><script>document.title = document.compatMode</script>"
    by_url = await shared.render(f"/given?html={quote(html)}")
    picture = shared.output.read_bytes()
    by_html = await shared.render(html=html)
    assert by_url.page.title == by_html.page.title == mode
    assert shared.output.read_bytes() == picture


@pytest.mark.parametrize(
    ("width", "height", "scale", "expected"),
    [
        (1280, 720, 2.0, (2560, 1440)),
        (1001, 701, 1.1, (1101, 771)),
        (333, 333, 1.5, (500, 500)),
        (1280, 720, 2.625, (3360, 1890)),
        (800, 600, 0.1, (80, 60)),
        (10, 10, 0.1, (1, 1)),
    ],
)
async def test_picture_has_viewport_times_scale_pixels(
    shared: BrowserStage, width: int, height: int, scale: float, expected: tuple[int, int]
) -> None:
    viewport = {"width": width, "height": height}
    rendered = await shared.render("/shapes", viewport=viewport, device_scale_factor=scale)
    with Image.open(shared.output) as picture:
        assert picture.size == (rendered.artifact.width_px, rendered.artifact.height_px) == expected


async def test_page_sees_the_window_that_was_asked_for(shared: BrowserStage) -> None:
    html = "<script>document.title = [innerWidth, innerHeight, devicePixelRatio, screen.width]</script>"
    rendered = await shared.render(html=html, viewport={"width": 700, "height": 500}, device_scale_factor=2)
    assert rendered.page.title == "700,500,2,700"


@pytest.mark.parametrize(
    ("title", "expected"), [("'half \\ud83d'", "half ?"), ("'x' + '😀'.repeat(600)", "x" + "😀" * 499 + "?")]
)
async def test_a_title_is_text_that_a_document_can_hold(
    shared: BrowserStage, title: str, expected: str
) -> None:
    rendered = await shared.render(html=f"<script>document.title = {title}</script>")
    assert rendered.page.title == expected
    assert rendered.page.title.encode().decode() == expected


@pytest.mark.parametrize(("scale", "bands"), [(1.0, 180), (1.5, 60), (2.0, 30)])
async def test_full_page_holds_every_band(shared: BrowserStage, scale: float, bands: int) -> None:
    """18,000 px is beyond the 16,384 of a GPU texture: every band must still be in its place."""
    viewport = {"width": 400, "height": 300}
    rendered = await shared.render(
        f"/bands?n={bands}", full_page=True, viewport=viewport, device_scale_factor=scale
    )
    assert rendered.warnings == []
    with Image.open(shared.output) as picture:
        assert picture.size == (400 * scale, bands * BAND_PX * scale)
        for number in range(bands):
            y = int((number + 0.5) * BAND_PX * scale)
            assert colour(picture, 10, y) == band_colour(number)


async def test_full_page_is_as_wide_as_the_content(shared: BrowserStage) -> None:
    rendered = await shared.render("/bands?n=9&width=2000px", full_page=True)
    assert (rendered.artifact.width_px, rendered.artifact.height_px) == (2000, 900)


@pytest.mark.parametrize(
    ("format_", "bands", "width", "height"),
    [("webp", 170, 400, 16_383), ("jpeg", 660, 100, 65_500), ("png", 420, 1000, 40_000)],
)
async def test_full_page_beyond_what_a_picture_holds_is_cut_and_said(
    shared: BrowserStage, format_: str, bands: int, width: int, height: int
) -> None:
    rendered = await shared.render(
        f"/bands?n={bands}", format=format_, full_page=True, viewport={"width": width, "height": 300}
    )
    assert (rendered.artifact.width_px, rendered.artifact.height_px) == (width, height)
    (warning,) = rendered.warnings
    assert f"{width} x {bands * BAND_PX}" in warning
    assert f"{width} x {height}" in warning
    with Image.open(shared.output) as picture:
        last, expected = colour(picture, 10, height - 5), band_colour((height - 5) // BAND_PX)
    assert all(abs(a - b) < 8 for a, b in zip(last, expected, strict=True))


async def test_format_that_cannot_hold_the_viewport_is_refused(shared: BrowserStage) -> None:
    options = {"format": "webp", "viewport": {"width": 8192, "height": 100}, "device_scale_factor": 4}
    assert (await refusal(shared, "/tiny", **options)).type is ErrorType.INVALID_REQUEST


async def test_less_than_a_pixel_is_refused(shared: BrowserStage) -> None:
    options = {"viewport": {"width": 100, "height": 1}, "device_scale_factor": 0.5}
    assert (await refusal(shared, "/tiny", **options)).type is ErrorType.INVALID_REQUEST


async def test_pdf(shared: BrowserStage) -> None:
    rendered = await shared.render("/long?n=60", format="pdf")
    data = shared.output.read_bytes()
    assert data.startswith(b"%PDF-")
    assert rendered.artifact.content_type == "application/pdf"
    assert rendered.artifact.sha256 == hashlib.sha256(data).hexdigest()
    assert (rendered.artifact.width_px, rendered.artifact.height_px) == (None, None)
    assert rendered.artifact.pages is not None
    assert rendered.artifact.pages > 5


async def test_artifact_above_the_limit_is_refused(shared: BrowserStage) -> None:
    for format_ in ("png", "pdf"):
        error = await refusal(shared, "/photo", format=format_, max_bytes=10_000)
        assert error.type is ErrorType.ARTIFACT_TOO_LARGE


@pytest.mark.parametrize("how", ["script", "after-load", "meta", "form"])
async def test_page_that_leads_elsewhere_is_followed(shared: BrowserStage, how: str) -> None:
    name = how if how == "after-load" else f"by-{how}"
    rendered = await shared.render(f"/redirect-{name}?to=/tiny")
    assert rendered.page.title == "tiny"
    assert (rendered.page.final_url or "").partition("?")[0] == shared.site.url("/tiny")


async def test_redirect_of_the_server_is_followed(shared: BrowserStage) -> None:
    rendered = await shared.render("/redirect?to=/tiny")
    assert (rendered.page.final_url, rendered.page.http_status) == (shared.site.url("/tiny"), 200)


@pytest.mark.parametrize("path", ["/redirect?to={}", "/redirect-by-script?to={}", "/redirect-by-meta?to={}"])
async def test_redirect_to_an_address_that_is_not_allowed_is_refused(shared: BrowserStage, path: str) -> None:
    target = shared.site.url("/tiny").replace("127.0.0.1", FORBIDDEN_HOST)
    shared.output.unlink(missing_ok=True)
    error = await refusal(shared, path.format(target))
    assert error.type is ErrorType.URL_BLOCKED
    assert not shared.output.exists()


async def test_page_that_never_stays_ends_in_a_timeout(shared: BrowserStage) -> None:
    error = await refusal(shared, "/redirect-forever", navigation_timeout_ms=1500)
    assert error.type is ErrorType.NAVIGATION_TIMEOUT


@pytest.mark.parametrize(("path", "title"), [("/status?code=500", "status"), ("/status?code=404", "status")])
async def test_error_page_with_a_body_is_rendered(shared: BrowserStage, path: str, title: str) -> None:
    rendered = await shared.render(path)
    assert rendered.page.http_status == int(path[-3:])
    assert rendered.page.title == title


@pytest.mark.parametrize("status", [300, 302, 401, 404, 500, 503])
async def test_a_status_without_a_body_is_no_page(shared: BrowserStage, status: int) -> None:
    error = await refusal(shared, f"/status?code={status}&empty=1")
    assert (error.type, error.retryable) == (ErrorType.HTTP_STATUS_REJECTED, False)
    assert error.detail == f"the target answered {status} with an empty body: there is no page to show"


@pytest.mark.parametrize("how", ["redirect", "redirect-by-script", "redirect-by-meta"])
async def test_a_status_without_a_body_is_no_page_wherever_one_is_led(shared: BrowserStage, how: str) -> None:
    to = f"http://other{SITE_DOMAIN}:{shared.site.port}/status?code=500%26empty=1"
    error = await refusal(shared, f"/{how}?to={to}", format="pdf")
    assert error.type is ErrorType.HTTP_STATUS_REJECTED


async def test_success_without_a_body_is_an_empty_page(shared: BrowserStage) -> None:
    assert (await shared.render("/status?code=200&empty=1")).page.http_status == 200


@pytest.mark.parametrize(
    ("path", "type_", "word"),
    [
        ("/hang-up", ErrorType.CONNECTION_FAILED, "without an answer"),
        ("/download", ErrorType.CONTENT_REJECTED, "download"),
        ("/no-content", ErrorType.CONTENT_REJECTED, "no content"),
    ],
)
async def test_address_that_gives_no_page(
    shared: BrowserStage, path: str, type_: ErrorType, word: str
) -> None:
    error = await refusal(shared, path)
    assert error.type is type_
    assert word in error.detail


async def test_refused_connection(shared: BrowserStage) -> None:
    error = await refusal(shared, url="http://127.0.0.1:9/")
    assert error.type in {ErrorType.CONNECTION_FAILED, ErrorType.URL_BLOCKED}


@pytest.mark.parametrize(
    "script",
    [
        "new Worker(URL.createObjectURL(new Blob(['1'])))",
        "new WebSocket('ws://127.0.0.1:9')",
        "fetch('http://169.254.169.254/', {mode: 'no-cors'})",  # refused; nobody reads the answer
    ],
)
async def test_networkidle_of_a_page_with_what_has_no_end_of_its_own(
    shared: BrowserStage, script: str
) -> None:
    rendered = await shared.render(
        html=f"<title>idle</title><script>{script}</script>",
        wait_until="networkidle",
        navigation_timeout_ms=5000,
    )
    assert rendered.page.title == "idle"


async def test_name_that_does_not_resolve(shared: BrowserStage) -> None:
    error = await refusal(shared, url="http://does-not-exist.example/")
    assert error.type is ErrorType.NAME_NOT_RESOLVED


@pytest.mark.parametrize("path", ["/silent", "/never", "/loop"])
async def test_page_that_does_not_get_ready_fails_at_its_limit(shared: BrowserStage, path: str) -> None:
    loop = asyncio.get_running_loop()
    started = loop.time()
    error = await refusal(shared, path, navigation_timeout_ms=700)
    assert error.type is ErrorType.NAVIGATION_TIMEOUT
    assert "700 ms" in error.detail
    assert 0.6 < loop.time() - started < 3


async def test_commit_does_not_wait_for_the_end_of_the_page(shared: BrowserStage) -> None:
    rendered = await shared.render("/never", wait_until="commit")
    assert rendered.page.http_status == 200


async def test_networkidle_waits_for_what_scripts_fetch_later(shared: BrowserStage) -> None:
    before = shared.site.answered["/slow"]
    rendered = await shared.render("/fetch-later", wait_until="networkidle")
    assert shared.site.answered["/slow"] == before + 1
    # 200 ms until the script asks, 300 for the answer, 500 of quiet; less what a busy machine lags behind.
    assert rendered.timings_ms["readiness"] >= 850


async def test_networkidle_of_given_html(shared: BrowserStage) -> None:
    rendered = await shared.render(html="<p>quiet", wait_until="networkidle")
    assert 450 <= rendered.timings_ms["readiness"] < 1500


async def test_fonts_are_awaited(shared: BrowserStage) -> None:
    before = shared.site.answered["/font"]
    await shared.render("/late-font")
    assert shared.site.answered["/font"] == before + 1


async def test_page_of_100_megabytes(shared: BrowserStage) -> None:
    rendered = await shared.render("/huge")
    assert rendered.page.http_status == 200
    assert shared.site.answered["/huge"]


async def test_title_is_capped(shared: BrowserStage) -> None:
    rendered = await shared.render(html=f"<title>{'x' * 5000}</title>")
    assert rendered.page.title == "x" * 1000


async def test_dialogs_do_not_stop_a_page(shared: BrowserStage) -> None:
    assert (await shared.render("/dialogs")).page.title == "false,", "confirm and prompt are declined"


async def test_page_that_kills_its_renderer_fails_at_once(shared: BrowserStage) -> None:
    loop = asyncio.get_running_loop()
    started = loop.time()
    assert (await refusal(shared, "/crash")).type is ErrorType.PAGE_CRASHED
    assert loop.time() - started < 5
    assert (await shared.render("/tiny")).page.title == "tiny", "the browser itself is unharmed"


async def test_renders_share_nothing(shared: BrowserStage) -> None:
    for _ in range(2):
        assert (await shared.render("/storage")).page.title == "|undefined"
