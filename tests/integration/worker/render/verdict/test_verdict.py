"""What the verdict says of pages that one would complain about."""

from typing import Any
from urllib.parse import quote

import pytest

from fleet.errors import ErrorType, RenderError
from fleet.jobs.verdict import VerdictDocument
from tests.kit.stages.browser_stage import FORBIDDEN_HOST, SITE_DOMAIN, BrowserStage

pytest_plugins = ("tests.kit.stages.browser_fixtures",)

WINDOW = {"width": 400, "height": 300}
TEXT = "<p>" + "Plain words of a page that has something to say. " * 8


async def verdict(stage: BrowserStage, html: str, **options: Any) -> VerdictDocument:
    rendered = await stage.render(html=html, viewport=WINDOW, **options)
    assert rendered.verdict is not None
    return rendered.verdict


async def test_parts_that_did_not_come_are_named_with_the_reason(shared: BrowserStage) -> None:
    here, there = shared.site.url(""), shared.site.url("").replace("127.0.0.1", f"other{SITE_DOMAIN}")
    html = f"""<link rel=stylesheet href="{there}/no.css">{TEXT}<img src="{here}/no.png?token=secret">
        <img src="http://nowhere.invalid/x.png"><img src="http://{FORBIDDEN_HOST}/x.png">
        <img src="{here}/photo/1.jpg"><img width=1 height=1 src="{here}/pixel.gif">
        <style>@font-face {{ font-family: Own; src: url({here}/no.woff2) }} p {{ font-family: Own }}</style>
        <script>console.error("one"); undefined.two</script>"""
    rendered = await shared.render(html=html, viewport=WINDOW, full_page=True)
    found = rendered.verdict
    assert found is not None
    failed = {(one.url, one.status or one.error, one.type) for one in found.failed_requests}
    assert failed >= {
        (f"{there}/no.css", None, "stylesheet"),
        ("http://nowhere.invalid/x.png", ErrorType.NAME_NOT_RESOLVED, "image"),
        (f"http://{FORBIDDEN_HOST}/x.png", ErrorType.URL_BLOCKED, "image"),
        (f"{here}/no.woff2", ErrorType.CONNECTION_FAILED, "font"),
    }
    assert f"{here}/no.png" in {url for url, _, _ in failed}
    assert (found.missing_images, found.pending_images, found.console_errors) == (3, 0, 2)
    assert (found.missing_fonts, found.fallback_used) == (["Own"], True)
    assert found.reasons == ["styles_missing", "images_missing", "fonts_missing", "console_errors"]
    assert not found.is_good
    images, styles = (
        next(w for w in rendered.warnings if w.startswith(kind)) for kind in ("images:", "styles:")
    )
    assert "http://nowhere.invalid/x.png (name_not_resolved)" in images
    assert f"{here}/no.png" in images
    assert styles == f"styles: these style sheets did not come: {there}/no.css"


async def test_a_status_is_told_where_chromium_tells_it(shared: BrowserStage) -> None:
    script = """for (const [tag, src] of [["img", "/no.png"], ["script", "/no.js"]])
        document.body.append(Object.assign(document.createElement(tag), {src}));"""
    rendered = await shared.render("/tiny", scripts=script, viewport=WINDOW)
    assert rendered.verdict is not None
    failed = {(one.url, one.status, one.type) for one in rendered.verdict.failed_requests}
    expected = {(shared.site.url("/no.png"), 404, "image"), (shared.site.url("/no.js"), 404, "script")}
    assert failed == expected
    assert rendered.warnings == [f"images: these did not come: {shared.site.url('/no.png')} (404)"]


async def test_what_the_caller_has_blocked_is_no_failure(shared: BrowserStage) -> None:
    url = shared.site.url("/photo/1.jpg").replace("127.0.0.1", f"ads{SITE_DOMAIN}")
    found = await verdict(shared, f'{TEXT}<img src="{url}">', block_requests=["ads.site.test"])
    assert (found.score, found.failed_requests, found.missing_images) == (1, [], 0)


@pytest.mark.parametrize(
    ("html", "is_blank"),
    [(" ", True), ("<p>Hi", False), ("<body style='background:#123'><div>", True), ("<input>", False)],
)
@pytest.mark.parametrize("format_", ["png", "jpeg", "webp"])
async def test_a_blank_picture_is_told_from_one_with_a_word(
    shared: BrowserStage, html: str, format_: str, *, is_blank: bool
) -> None:
    found = await verdict(shared, html, format=format_)
    assert (found.is_blank, found.score < 0.1) == (is_blank, is_blank)
    assert found.blank_share is not None
    assert (found.blank_share == 1) is is_blank


@pytest.mark.parametrize(
    ("html", "format_", "is_blank"),
    [
        ("<div style='width:90px;height:1px;background:red'>", "png", True),
        ("<div style='width:90px;height:90px;background:red'>", "png", False),
        ("<div>", "pdf", True),
        ("<p>Hi", "pdf", False),
    ],
)
async def test_a_page_that_shows_next_to_nothing_is_blank_without_a_word(
    shared: BrowserStage, html: str, format_: str, *, is_blank: bool
) -> None:
    found = await verdict(shared, html, format=format_)
    assert (found.is_blank, "blank" in found.reasons) == (is_blank, is_blank)
    assert found.blank_share != 1, "a picture of one colour needs no look at the page"


@pytest.mark.parametrize(("times", "is_error"), [(1, True), (4, False)])
async def test_a_long_page_about_an_error_is_no_error_page(
    shared: BrowserStage, times: int, *, is_error: bool
) -> None:
    found = await verdict(shared, f"<title>404 Not Found</title><h1>404 Not Found</h1>{TEXT * times}")
    assert found.is_error_page is is_error


async def test_a_full_picture_is_not_counted(shared: BrowserStage) -> None:
    found = await verdict(shared, f'{TEXT}<img src="{shared.site.url("/photo/1.jpg")}">')
    assert (found.blank_share, found.score) == (None, 1)


async def test_the_height_that_did_not_fit_in_is_told(shared: BrowserStage) -> None:
    html = f"<body style='margin:0'>{TEXT}<div style='height:70000px'>"
    found = await verdict(shared, html, full_page=True, format="jpeg")
    whole = await verdict(shared, html, full_page=True, full_page_max_height_px=500)
    assert (found.cut_height > 4000, found.reasons) == (True, ["cut"])
    assert (whole.cut_height, whole.reasons) == (0, [])


async def test_images_that_had_not_come_are_counted(shared: BrowserStage) -> None:
    html = f'{TEXT}<img width=50 height=50 src="{shared.site.url("/silent")}">'
    found = await verdict(shared, html, best_attempt=True, navigation_timeout_ms=1000)
    assert (found.pending_images, found.reasons) == (1, ["images_pending"])


async def test_a_job_can_fail_for_it_and_tells_it_all_the_same(shared: BrowserStage) -> None:
    with pytest.raises(RenderError) as caught:
        await shared.render("/nothing-is-here", fail_on_verdict=True)
    assert caught.value.type is ErrorType.CONTENT_REJECTED
    expected = "the page is blank and is an error page (score 0), and `fail_on_verdict` is given"
    assert caught.value.detail == expected
    assert (await shared.render(html=TEXT, fail_on_verdict=True)).artifact.size_bytes > 0


@pytest.mark.parametrize(
    ("script", "count"),
    [
        ("1", 0),
        ("undefined.one", 1),
        ("console.error('one'); setTimeout(() => undefined.two)", 2),
        ("Promise.reject(Error('one'))", 1),
        ("document.write('<iframe srcdoc=\"<script>undefined.one</script>\"></iframe>')", 1),
    ],
)
@pytest.mark.parametrize("given", ["url", "html"])
async def test_errors_of_scripts_are_counted(
    shared: BrowserStage, script: str, count: int, given: str
) -> None:
    html = f"{TEXT}<script>{script.replace('</', '<' + chr(92) + '/')}</script>"
    path = f"/given?html={quote(html)}"
    rendered = await (shared.render(html=html) if given == "html" else shared.render(path))
    assert rendered.verdict is not None
    assert rendered.verdict.console_errors == count


async def test_a_font_that_is_none_is_named_with_the_reason(shared: BrowserStage) -> None:
    (here, there), faces, words = (shared.site.url(""), f"http://nowhere{SITE_DOMAIN}.invalid"), "", ""
    sources = {
        "Page": "url(/tiny?token=secret), url(/no.woff)",
        "Nobody": f"url({there}/x.woff2)",
        "Inner": "url(data:font/woff2;base64,AAAA)",
    }
    for family, source in sources.items():
        faces += f"@media screen {{ @font-face {{ font-family: '{family}'; src: {source} }} }}"
        words += f"<p style='font-family: {family}'>{family}</p>"
    html = f"<style>{faces}</style>{words}{TEXT}"
    rendered = await shared.render(f"/given?html={quote(html)}", viewport=WINDOW)
    (warning,) = (one for one in rendered.warnings if one.startswith("fonts:"))
    assert warning == (
        f"fonts: these cannot be used: Page ({here}/tiny: not a font, {here}/no.woff: 404), "
        f"Nobody ({there}/x.woff2: name_not_resolved), Inner"
    )
    assert rendered.verdict is not None
    assert rendered.verdict.missing_fonts == list(sources)


async def test_a_font_that_the_caller_has_blocked_is_no_warning(shared: BrowserStage) -> None:
    face = "@font-face { font-family: Own; src: url(/no.woff2) }"
    html = f"<style>{face} p {{ font-family: Own }}</style>{TEXT}"
    rendered = await shared.render(f"/given?html={quote(html)}", block_resources=["font"], viewport=WINDOW)
    assert not [one for one in rendered.warnings if one.startswith("fonts:")]
    assert rendered.verdict is not None
    assert rendered.verdict.missing_fonts == ["Own"]


async def test_a_picture_at_a_port_that_chromium_refuses_is_missed_too(shared: BrowserStage) -> None:
    """Such ports are those of other protocols, as 9 of `discard`: nobody asks the egress proxy."""
    rendered = await shared.render(html='<h1>text</h1><img src="http://127.0.0.1:9/x.png?a=1">')
    assert rendered.warnings == ["images: these did not come: http://127.0.0.1:9/x.png (url_blocked)"]
