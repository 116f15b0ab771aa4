"""What can only go wrong, asked by a caller or done by a page: it ends soon, in its own words.

What else can: waiting (waiting/), the part of a page (picture/), actions and scripts of the caller
(test_actions.py, test_injection.py), and what the schema refuses (tests/unit/fleet/render/options).
"""

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import pytest
import pytest_asyncio

from fleet.errors import ErrorType, RenderError
from tests.kit.stages.browser_stage import BrowserStage, until
from worker.render.bounds import Bounds

pytest_plugins = ("tests.kit.stages.browser_fixtures",)

TEN_THOUSAND = "<i>.</i> " * 10_000
TALL = "<!doctype html><style>body{margin:0}p{margin:0;height:900px}</style>" + "<p></p>" * 4
# Higher than the window, so that the page is scrolled for it.
FAR = f"{TALL}<b style='display:block;height:10px'></b>"
GROWS = """<p id=p style="height:100px;background:red"></p><script>
  const add = () => document.body.append(Object.assign(document.createElement("p"), {textContent: "more"}))
  setInterval(add, 1)
</script>"""
LEAVES = "location = '/tiny'"
DOWNLOADING = "<iframe src=/download></iframe>"


@pytest_asyncio.fixture(loop_scope="session", autouse=True)
async def nothing_is_held(shared: BrowserStage) -> AsyncIterator[None]:
    """Whatever a test has done, its slot is free afterwards, and the browser is the same and works."""
    browsers = shared.pool.generation
    yield
    await until(lambda: shared.pool.busy == 0, "the end of the page")
    assert (await shared.render("/tiny")).page.title == "tiny"
    assert shared.pool.generation == browsers


async def failure(stage: BrowserStage, html: str, **options: Any) -> RenderError:
    """Of a page of the site, which can go on to others."""
    with pytest.raises(RenderError) as caught:
        await stage.render(f"/given?html={quote(html)}", **options)
    return caught.value


async def title(stage: BrowserStage, script: str, **options: Any) -> str | None:
    """Of a page that runs a script and then gives itself a title."""
    html = f"<p>text<script>{script}; document.title = 'went on'</script>"
    return (await stage.render(f"/given?html={quote(html)}", **options)).page.title


async def test_ten_thousand_elements_match(shared: BrowserStage) -> None:
    rendered = await shared.render(html=TEN_THOUSAND, selector="i")
    words = "selector: 10000 elements match i; the picture shows the first visible one"
    assert rendered.warnings == [words]


async def test_dialogs_and_prints_by_the_hundred(shared: BrowserStage) -> None:
    hundred = "for (let i = 0; i < 100; i++)"
    assert await title(shared, f"{hundred} {{ alert(i); confirm(i); prompt(i) }}") == "went on"
    assert await title(shared, f"{hundred} print()") == "went on"
    assert (
        await title(shared, "onbeforeunload = event => { event.preventDefault(); return 'stay' }")
        == "went on"
    )
    assert await title(shared, "onload = () => setInterval(alert)") == "went on"


async def test_windows_by_the_hundred(shared: BrowserStage) -> None:
    """Chromium opens none; the few that a page can open all the same are counted (tests/security)."""
    assert await title(shared, "for (let i = 0; i < 100; i++) open('/tiny')") == "went on"
    assert await title(shared, "for (let i = 0; i < 100; i++) open('/tiny', i)", click="p") == "went on"


async def test_more_downloads_than_a_site_begins(shared: BrowserStage) -> None:
    assert (await shared.render(f"/given?html={quote(DOWNLOADING * 5)}")).warnings == []
    error = await failure(shared, DOWNLOADING * 10)
    assert error.type is ErrorType.CONTENT_REJECTED
    assert error.detail == "the page began more than 5 downloads; nobody would get them"


async def test_a_page_that_asks_to_stay_is_left(shared: BrowserStage) -> None:
    asks = "onbeforeunload = event => { event.preventDefault(); return 'stay' }"
    html = f"<a href=/tiny>on</a><script>{asks}</script>"
    rendered = await shared.render(f"/given?html={quote(html)}", click="a")
    assert rendered.page.title == "tiny"


@pytest.mark.parametrize(
    "options",
    [
        {"full_page": True, "full_page_max_height_px": 2_000},
        {"selector": "#p"},
        {"format": "pdf"},
    ],
    ids=lambda options: next(iter(options)),
)
async def test_a_page_that_grows_while_it_is_captured(shared: BrowserStage, options: dict[str, Any]) -> None:
    rendered = await shared.render(html=GROWS, wait_until="load", **options)
    if "selector" in options:
        assert rendered.artifact.height_px == 100


@pytest.mark.parametrize(
    "options",
    [{"full_page": True}, {"selector": "b"}, {"clip": {"x": 0, "y": 3000, "width": 9, "height": 9}}],
    ids=lambda options: next(iter(options)),
)
async def test_a_page_that_leaves_while_it_is_captured(shared: BrowserStage, options: dict[str, Any]) -> None:
    error = await failure(shared, f"{FAR}<script>onscroll = () => {{ {LEAVES} }}</script>", **options)
    assert error.type is ErrorType.CONTENT_REJECTED
    assert error.detail == "the page went on to another address while it was captured"


async def test_a_page_that_leaves_for_what_never_answers(shared: BrowserStage) -> None:
    html = f"{FAR}<script>onscroll = () => location = '/silent'</script>"
    for options in ({"full_page": True}, {"selector": "b"}):
        error = await failure(shared, html, bounds=Bounds(leaving_s=0.5), **options)
        assert error.type is ErrorType.CONTENT_REJECTED
        assert error.detail.endswith("while it was captured, which does not answer")


async def test_a_page_that_begins_a_download_while_it_is_captured(shared: BrowserStage) -> None:
    html = f"{FAR}<script>onscroll = () => {{ onscroll = null; location = '/download' }}</script>"
    rendered = await shared.render(f"/given?html={quote(html)}", full_page=True)
    assert rendered.artifact.height_px == 3610


async def test_a_page_that_leaves_while_it_is_printed(shared: BrowserStage) -> None:
    """What is printed is the page as it was when the printing began."""
    html = f"{TALL}<title>here</title><script>onbeforeprint = () => {{ {LEAVES} }}</script>"
    rendered = await shared.render(f"/given?html={quote(html)}", format="pdf")
    assert (rendered.page.title, rendered.artifact.pages) == ("here", 4)


async def test_a_page_that_takes_all_of_itself_away(shared: BrowserStage) -> None:
    html = f"{TALL}<script>onload = () => document.documentElement.remove()</script>"
    rendered = await shared.render(html=html, full_page=True, wait_until="load")
    assert rendered.artifact.height_px == 720


async def test_a_page_that_changes_how_everything_becomes_json(shared: BrowserStage) -> None:
    """As Prototype.js did. What the page tells of itself does not depend on it."""
    script = "Array.prototype.toJSON = Object.prototype.toJSON = () => 'broken'; JSON.stringify = null"
    rendered = await shared.render(html=f"<title>there</title><script>{script}</script>")
    assert (rendered.page.title, rendered.warnings) == ("there", [])


async def test_an_element_that_is_replaced_while_it_is_captured(shared: BrowserStage) -> None:
    script = "onscroll = () => { const b = document.querySelector('b'); b.replaceWith(b.cloneNode()) }"
    rendered = await shared.render(html=f"{FAR}<script>{script}</script>", selector="b")
    assert rendered.artifact.height_px == 10


async def test_what_a_script_throws_is_told_whatever_it_is(shared: BrowserStage) -> None:
    for thrown, words in (("null", "it threw null"), ("undefined", "it threw undefined"), ("'no'", "no")):
        error = await failure(shared, "<p>", scripts=f"throw {thrown}")
        assert (error.type, error.detail) == (ErrorType.SCRIPT_FAILED, f"scripts[0]: {words}")
