"""What makes a render fail although there is a page."""

from typing import Any

import pytest

from fleet.errors import ErrorType, RenderError
from tests.kit.stages.browser_stage import BrowserStage

pytest_plugins = ("tests.kit.stages.browser_fixtures",)

TEXT = "<title>Report</title><p>Total:\n  <b>12</b></p><p style='display:none'>Access denied</p>"


async def refusal(stage: BrowserStage, path: str | None = None, **options: Any) -> tuple[ErrorType, str]:
    with pytest.raises(RenderError) as caught:
        await stage.render(path, **options)
    return caught.value.type, caught.value.detail


async def test_a_status_that_is_named_fails_the_render(shared: BrowserStage) -> None:
    page = "/status?code=404&body=gone"
    assert (await shared.render(page)).page.http_status == 404
    assert (await shared.render(page, fail_on_status=[500, "2xx", 403])).page.http_status == 404
    for statuses in ([404], ["4xx"]):
        found = await refusal(shared, page, fail_on_status=statuses)
        words = f"the target answered 404, and `fail_on_status` has {statuses[0]}"
        assert found == (ErrorType.HTTP_STATUS_REJECTED, words)


async def test_a_text_that_a_reader_sees_fails_the_render_or_must_be_there(shared: BrowserStage) -> None:
    # A blank is any blank; what is hidden or written in other letters is not there.
    fine: dict[str, Any] = {
        "fail_if_content_contains": ["total", "Access denied"],
        "fail_if_content_missing": ["Total: 12"],
    }
    assert (await shared.render(html=TEXT, **fine)).page.title == "Report"
    cases: list[tuple[dict[str, Any], str]] = [
        ({"fail_if_content_contains": ["absent", "Total: 12"]}, "has the text `Total: 12`"),
        ({"fail_if_content_contains": ["Report"]}, "has the text `Report`"),
        ({"fail_if_content_missing": ["Total", "Access denied"]}, "lacks the text `Access denied`"),
    ]
    for options, words in cases:
        type_, detail = await refusal(shared, html=TEXT, **options)
        assert type_ is ErrorType.CONTENT_REJECTED
        assert detail == f"the page {words} of `{next(iter(options))}`"


@pytest.mark.parametrize(
    ("script", "words"),
    [
        ("console.error('disk', 7, 'is\\nfull'); console.error('again')", "`disk 7 is full` and 1 more"),
        ("undefined_name()", "ReferenceError: undefined_name is not defined"),
        ("Promise.reject(new Error('nobody cares'))", "Error: nobody cares"),
        ("throw 'a word'", "a word"),
    ],
)
async def test_an_error_of_a_script_fails_the_render_if_that_is_wanted(
    shared: BrowserStage, script: str, words: str
) -> None:
    html = f"<title>loud</title><script>{script}</script>"
    assert (await shared.render(html=html)).page.title == "loud"
    type_, detail = await refusal(shared, html=html, fail_on_console_error=True)
    assert type_ is ErrorType.CONTENT_REJECTED
    assert words in detail


async def test_what_is_no_error_fails_no_render(shared: BrowserStage) -> None:
    quiet = "<title>quiet</title><script>console.warn('a'); console.log('b');try{c()}catch{}</script>"
    rendered = await shared.render(html=quiet, fail_on_console_error=True, fail_on_failed_request=True)
    assert rendered.page.title == "quiet"


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        ("<img src='{url}/none.png?token=1'>", "404"),
        ("<script src='{url}/status?code=503&token=1'></script>", "503"),
        ("<iframe src='{url}/none?token=1'></iframe>", "404"),
        ("<script>fetch('{url}/none?token=1', {{mode: 'no-cors'}})</script>", "404"),
        ("<script src='http://nowhere.test/a.js?token=1'></script>", "net::"),
    ],
)
async def test_a_part_that_does_not_come_fails_the_render_if_that_is_wanted(
    shared: BrowserStage, part: str, reason: str
) -> None:
    html = f"<title>torn</title>{part.format(url=shared.site.url(''))}"
    assert (await shared.render(html=html, wait_until="networkidle")).page.title == "torn"
    type_, detail = await refusal(shared, html=html, wait_until="networkidle", fail_on_failed_request=True)
    assert type_ is ErrorType.CONTENT_REJECTED
    assert f"({reason}" in detail
    assert "token" not in detail


async def test_the_status_of_the_page_itself_is_another_option(shared: BrowserStage) -> None:
    rendered = await shared.render("/status?code=404", fail_on_failed_request=True)
    assert rendered.page.http_status == 404


async def test_what_an_earlier_document_lacked_is_forgotten(shared: BrowserStage) -> None:
    none, tiny = shared.site.url("/none.png"), shared.site.url("/tiny")
    html = f"<img src='{none}' onerror=\"location='{tiny}'\">"
    rendered = await shared.render(html=html, fail_on_failed_request=True)
    assert rendered.page.title == "tiny"


async def test_what_the_caller_blocks_has_not_failed(shared: BrowserStage) -> None:
    html = "<title>blocked</title><img src='http://ads.site.test/a.png'>"
    options: dict[str, Any] = {"block_requests": ["ads.site.test"], "fail_on_failed_request": True}
    assert (await shared.render(html=html, **options)).page.title == "blocked"
