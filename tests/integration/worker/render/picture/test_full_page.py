"""The whole page as one picture, without holes."""

import asyncio
import shutil
from typing import Any
from urllib.parse import quote

import pytest

from fleet.errors import ErrorType, RenderError
from tests.kit.documents.pictures import colours, differing_box
from tests.kit.stages.browser_stage import BrowserStage
from tests.site.pages import band_colour
from worker.render.bounds import USUAL, Bounds

pytest_plugins = ("tests.kit.stages.browser_fixtures",)

WINDOW = {"width": 400, "height": 300}
WHITE, RED, GREEN, BLUE = (255, 255, 255), (255, 0, 0), (0, 128, 0), (0, 0, 255)
CHEQUERED = (200, 120, 50)
STYLE = "<!doctype html><style>body{margin:0}p{margin:0;height:300px}</style>"
# Turns green what has been in the window.
REVEAL = """<script>
  const observer = new IntersectionObserver(entries => {
    for (const entry of entries) if (entry.isIntersecting) entry.target.style.background = 'green'
  })
  for (const part of document.querySelectorAll('p')) observer.observe(part)
</script>"""


async def full_page(shared: BrowserStage, html: str, **options: Any) -> list[str]:
    """Render it; returns the warnings."""
    options = {"viewport": WINDOW, "full_page": True, **options}
    return (await shared.render(html=STYLE + html, **options)).warnings


async def test_it_is_what_one_giant_window_shows(shared: BrowserStage) -> None:
    """To the pixel, where nothing depends on the height of the window."""
    photos = "".join(
        f"<img loading=lazy width=390 src={shared.site.url(f'/photo/{n}.jpg')}>" for n in range(4)
    )
    parts = "<h1>Title</h1><p>text <b>bold</b> <i>text</i></p><hr>" * 5
    html = (
        f"<body style='background:linear-gradient(#fff,#cde)'>{parts}{photos}<table border=1><td>end</table>"
    )
    rendered = await shared.render(html=STYLE + html, viewport=WINDOW, full_page=True)
    height = rendered.artifact.height_px
    assert height is not None
    assert height > 5 * WINDOW["height"]
    shutil.copy(shared.output, whole := shared.folder / "whole.png")
    window = {**WINDOW, "height": height}
    await shared.render(html=STYLE + html.replace("loading=lazy", ""), viewport=window)
    assert differing_box(shared.output, whole) is None


@pytest.mark.parametrize(("scrolls", "expected"), [(True, GREEN), (False, WHITE)])
async def test_what_is_revealed_on_scrolling(
    shared: BrowserStage, *, scrolls: bool, expected: object
) -> None:
    options = {} if scrolls else {"full_page_scroll": False}
    assert await full_page(shared, "<p></p>" * 12 + REVEAL, **options) == []
    places = [(200, 150 + 300 * number) for number in range(12)]
    # The second part touches the window, which counts as being in it.
    assert colours(shared.output, *places) == [GREEN] * 2 + [expected] * 10


async def test_lazy_images_and_frames_are_there(shared: BrowserStage) -> None:
    photo = shared.site.url("/photo/1.jpg")
    frame = "<iframe loading=lazy width=300 height=200 srcdoc='<body style=background:blue>'></iframe>"
    lazy = f"<p><img loading=lazy width=300 height=200 src={photo}></p><p>{frame}</p>"
    assert await full_page(shared, f"<p></p><p></p><p></p><p></p><p></p><p></p><p></p>{lazy}") == []
    found = colours(shared.output, (150, 2200), (150, 2500))
    assert found[0] != WHITE
    assert found[1] == BLUE


async def test_parts_that_are_drawn_near_the_window_alone(shared: BrowserStage) -> None:
    part = "<section style='content-visibility:auto;contain-intrinsic-size:auto 300px'>{}</section>"
    plain = part.format("<p style='background:blue'></p>")
    late = shared.site.url("/finished-picture?ms=300")
    picture = part.format(f"<p style='background:url({late}) 0 0 / 800px 800px'></p>")
    assert await full_page(shared, plain * 9 + picture) == []
    found = colours(shared.output, *[(200, 150 + 300 * n) for n in range(9)], (300, 2850))
    assert found == [BLUE] * 9 + [CHEQUERED]


@pytest.mark.parametrize(
    "html",
    [
        "<body style='background:linear-gradient(red,red) fixed'>{}",
        "<html style='height:100%'><body style='background:linear-gradient(red,red) fixed no-repeat'>{}",
        "<style>body::before{{content:'';position:fixed;inset:0;background:red;z-index:-1}}</style>{}",
        "<div style='position:fixed;inset:0;background:red;z-index:-1'></div>{}",
        "<div style='position:fixed;inset:0;background:red'></div><main style='position:relative'>{}</main>",
    ],
)
async def test_backgrounds_of_the_window_lie_behind_all_of_the_page(shared: BrowserStage, html: str) -> None:
    assert await full_page(shared, html.format("<p>text</p>" * 6)) == []
    assert colours(shared.output, *[(200, 150 + 300 * n) for n in range(6)]) == [RED] * 6


async def test_fixed_and_sticky_parts_are_there_once(shared: BrowserStage) -> None:
    bar = "<div style='position:{};top:0;left:0;width:100%;height:50px;background:{}'></div>"
    chat = "<div style='position:fixed;right:0;bottom:0;width:40px;height:40px;background:blue'></div>"
    html = bar.format("sticky", "red") + "<p></p>" * 6 + chat + "<script>scrollTo(0, 900)</script>"
    assert await full_page(shared, html) == []
    places = [(200, 25), (380, 280), (200, 925), (200, 1825), (380, 1800)]
    assert colours(shared.output, *places) == [RED, BLUE, WHITE, WHITE, WHITE]


async def test_a_modal_layer_does_not_cover_what_is_below_the_window(shared: BrowserStage) -> None:
    layer = "<div style='position:fixed;inset:0;background:#0008'></div>"
    dialog = "<div style='position:fixed;inset:60px;background:red'></div>"
    assert await full_page(shared, "<p></p>" * 4 + layer + dialog) == []
    assert colours(shared.output, (200, 150), (200, 650)) == [RED, WHITE]


async def test_the_page_sees_no_other_window(shared: BrowserStage) -> None:
    html = """<p style='height:100vh;background:red'></p><p style='height:50vh;background:blue'></p><p></p>
      <script>addEventListener('resize', () => document.body.style.background = 'red')</script>"""
    assert await full_page(shared, html) == []
    assert colours(shared.output, (200, 299), (200, 301), (200, 449), (200, 451)) == [RED, BLUE, BLUE, WHITE]


# A list of 120 rows, 50 px each, of which only those in its window are drawn, when one of some events comes.
VIRTUAL = """<div id=list style='height:6000px;position:relative'></div><script>
  const draw = () => {
    list.replaceChildren()
    const above = list.offsetTop
    const first = Math.max(0, Math.floor((scrollY - above) / 50))
    for (let row = first; row < Math.min(120, (scrollY - above + innerHeight) / 50); row++) {
      const line = document.createElement('div')
      line.style.cssText = `position:absolute;top:${row * 50}px;height:50px;width:100%%`
      line.style.background = `rgb(0,${row},0)`
      line.textContent = row
      list.append(line)
    }
  }
  for (const event of %s) addEventListener(event, draw)
  draw()</script>"""


async def test_a_list_that_draws_only_what_is_in_the_window_is_filled(shared: BrowserStage) -> None:
    """As far as the picture reaches."""
    html = VIRTUAL % ["scroll", "resize"]
    assert await full_page(shared, html, full_page_max_height_px=4000) == []
    rows = (1, 30, 78, 79)
    assert colours(shared.output, *[(200, 50 * row + 25) for row in rows]) == [(0, row, 0) for row in rows]


@pytest.mark.parametrize(
    ("html", "first"),
    [
        (VIRTUAL % ["scroll"], (0, 0, 0)),
        ("<p style='height:100vh;background:red'></p>" + VIRTUAL % ["scroll", "resize"], RED),
    ],
)
async def test_a_list_that_a_high_window_does_not_fill_is_said(
    shared: BrowserStage, html: str, first: object
) -> None:
    """Or that would stretch other parts of the page, which keep their height."""
    (warning,) = await full_page(shared, html)
    assert "virtual list" in warning
    assert colours(shared.output, (200, 25), (200, 5975)) == [first, WHITE]
    (whole,) = colours(shared.output, (200, 299))
    assert whole == (RED if first == RED else (0, 5, 0))


async def test_placeholders_that_become_content_are_no_such_list(shared: BrowserStage) -> None:
    html = (
        "<p><span>…</span></p>" * 12
        + """<script>
      const observer = new IntersectionObserver(entries => { for (const entry of entries)
        if (entry.isIntersecting) setTimeout(() => {
          entry.target.innerHTML = '<div style="height:300px;background:green">text</div>'}, 100) })
      for (const part of document.querySelectorAll('p')) observer.observe(part)</script>"""
    )
    assert await full_page(shared, html) == []


async def test_a_page_that_grows_for_ever_is_cut_and_said(shared: BrowserStage) -> None:
    html = """<p></p><script>addEventListener('scroll', () => {
      while (document.documentElement.scrollHeight < scrollY + 3 * innerHeight)
        document.body.append(document.createElement('p'))
    }); document.body.append(...Array.from({length: 3}, () => document.createElement('p')))</script>"""
    (warning,) = await full_page(shared, html, full_page_max_height_px=5000)
    assert "the page grew from 1200 to" in warning


ROWS = "".join(f"<p style='background:rgb(0,{number},0)'></p>" for number in range(10))


@pytest.mark.parametrize(
    ("html", "top", "bottom"),
    [
        ("<main style='height:100vh;overflow:auto'>{}</main>", 0, 0),
        (
            """<div style='height:100vh;display:flex;flex-direction:column'>
            <header style='height:50px'></header><main style='flex:1;min-height:0;overflow:auto'>{}</main>
            <footer style='height:30px'></footer></div>""",
            50,
            30,
        ),
        (
            """<div style='position:fixed;inset:0;display:grid;grid-template-rows:50px 1fr'><i></i>
            <main style='overflow-y:scroll'>{}</main></div>""",
            50,
            0,
        ),
        ("<style>html{{height:100%;overflow:hidden}}body{{height:100%;overflow:auto}}</style>{}", 0, 0),
    ],
)
async def test_a_page_that_scrolls_in_an_element_of_its_own(
    shared: BrowserStage, html: str, top: int, bottom: int
) -> None:
    rendered = await shared.render(html=STYLE + html.format(ROWS), viewport=WINDOW, full_page=True)
    assert (rendered.warnings, rendered.artifact.height_px) == ([], top + 3000 + bottom)
    found = colours(shared.output, *[(200, top + 150 + 300 * number) for number in range(10)])
    assert found == [(0, number, 0) for number in range(10)]


async def test_a_small_list_with_a_scroll_bar_is_left_as_it_is(shared: BrowserStage) -> None:
    html = f"<main style='height:100px;overflow:auto'>{ROWS}</main>"
    rendered = await shared.render(html=STYLE + html, viewport=WINDOW, full_page=True)
    assert rendered.artifact.height_px == WINDOW["height"]


async def test_frames_of_other_sites_are_drawn_below_the_window(shared: BrowserStage) -> None:
    """Also one that is higher than the window, in its own shape, without what is fixed to the window."""
    bar = "<div style='position:fixed;top:0;left:0;width:100%;height:150px;background:blue'></div>"
    other = shared.site.url("/bands?n=9").replace("127.0.0.1", "other.site.test")
    style = "border:0;display:block;margin:0 0 0 20px"
    html = f"""{bar}<p></p><p></p><p></p><p></p>
      <iframe sandbox srcdoc='<body style=background:red>' width=300 height=100 style='{style}'></iframe>
      <iframe src='{other}' width=300 height=900 style='{style};border-radius:30px'></iframe><p></p>"""
    assert await full_page(shared, html, device_scale_factor=2) == []
    places = [(100, 1250), (21, 1301), *[(100, 1350 + 100 * number) for number in range(9)]]
    places = [(2 * x, 2 * y) for x, y in places]
    sandboxed, corner, *bands = colours(shared.output, *places)
    assert (sandboxed, corner) == (RED, WHITE)
    assert bands == [band_colour(number) for number in range(9)]


async def test_height_can_be_limited(shared: BrowserStage) -> None:
    rendered = await shared.render("/bands?n=9", viewport=WINDOW, full_page=True, full_page_max_height_px=450)
    assert (rendered.artifact.width_px, rendered.artifact.height_px, rendered.warnings) == (400, 450, [])
    rendered = await shared.render("/tiny", viewport=WINDOW, full_page=True, full_page_max_height_px=100)
    assert rendered.artifact.height_px == 100


async def failure(shared: BrowserStage, script: str, bounds: Bounds = USUAL) -> RenderError:
    """Of a page whose script runs when it is scrolled."""
    html = STYLE + "<p></p>" * 9 + f"<script>onscroll = () => {{ {script} }}</script>"
    with pytest.raises(RenderError) as caught:
        await shared.render(f"/given?html={quote(html)}", viewport=WINDOW, full_page=True, bounds=bounds)
    return caught.value


async def test_a_page_that_leaves_while_it_is_scrolled(shared: BrowserStage) -> None:
    error = await failure(shared, "location = '/tiny'")
    assert error.type is ErrorType.CONTENT_REJECTED
    assert error.detail == "the page went on to another address while it was captured"


async def test_a_page_whose_scripts_never_end_while_it_is_scrolled(shared: BrowserStage) -> None:
    error = await failure(shared, "for (;;);", Bounds(scroll_s=1))
    assert error.type is ErrorType.CONTENT_REJECTED
    assert error.detail == "the page's scripts kept it busy for 1 s while it was scrolled through"


async def test_a_page_that_dies_while_it_is_scrolled(shared: BrowserStage) -> None:
    # Busy for longer than the kill takes.
    script = "fetch('/scrolled'); for (const end = Date.now() + 3000; Date.now() < end;);"
    failing = asyncio.create_task(failure(shared, script))
    await asyncio.to_thread(shared.site.wait_visited, "/scrolled")
    for process in shared.descendants("renderer"):
        process.kill()
    assert (await failing).type is ErrorType.PAGE_CRASHED


async def test_a_page_without_scripts(shared: BrowserStage) -> None:
    """Nothing runs in it that could scroll it, so that nothing is waited for."""
    part = "<section style='content-visibility:auto;contain-intrinsic-size:auto 300px'>{}</section>"
    html = part.format("<p style='background:blue'></p>") * 6 + REVEAL
    assert await full_page(shared, html, java_script_enabled=False) == []
    assert colours(shared.output, (200, 150), (200, 1650)) == [BLUE, BLUE]
