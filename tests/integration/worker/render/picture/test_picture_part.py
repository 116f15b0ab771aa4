"""`selector` and `clip`: a part of the page as the picture."""

from typing import Any

import pytest
from PIL import Image

from fleet.errors import ErrorType, RenderError
from tests.kit.documents.pictures import Colour, colour, colours
from tests.kit.stages.browser_stage import BrowserStage

pytest_plugins = ("tests.kit.stages.browser_fixtures",)

WINDOW = {"width": 400, "height": 300}
WHITE, RED, GREEN, BLUE = (255, 255, 255), (255, 0, 0), (0, 128, 0), (0, 0, 255)
STYLE = "<!doctype html><style>body{margin:0}p{margin:0;height:300px}</style>"
BOX = "<div id=box style='width:120px;height:80px;background:red'></div>"


async def shown(shared: BrowserStage, html: str, **options: Any) -> tuple[tuple[int, int], list[Colour]]:
    """The size of the picture, and its colours in the middle and just within its corners."""
    rendered = await shared.render(html=STYLE + html, viewport=WINDOW, **options)
    assert rendered.warnings == []
    with Image.open(shared.output) as picture:
        width, height = picture.size
        places = [(width // 2, height // 2), (0, 0), (width - 1, 0), (0, height - 1), (width - 1, height - 1)]
        return picture.size, [colour(picture, x, y) for x, y in places]


async def failure(shared: BrowserStage, html: str, **options: Any) -> RenderError:
    with pytest.raises(RenderError) as caught:
        await shared.render(html=STYLE + html, viewport=WINDOW, **options)
    return caught.value


SHADOW = """<p></p><p></p><div id=host></div><script>
  host.attachShadow({mode: 'open'}).innerHTML = `BOX`</script>""".replace("BOX", BOX)


@pytest.mark.parametrize(
    "html",
    [
        f"<p></p>{BOX}",
        f"<p></p><p></p><p></p>{BOX}<p></p>",
        f"<p></p><p></p><div style='height:100px;width:200px;overflow:auto'><p></p>{BOX}<p></p></div><p></p>",
        f'<p></p><p></p><iframe style="height:150px" srcdoc="{STYLE}<p></p>{BOX}<p></p>"></iframe><p></p>',
        f'<p></p><p></p><iframe sandbox srcdoc="{STYLE}<p></p>{BOX}<p></p>"></iframe><p></p>',
        f"<p></p><p></p><div style='transform:translate(33px,44px)'>{BOX}</div><p></p>",
        f"<div style='position:fixed;inset:0;background:blue;z-index:9'></div><p></p><p></p>{BOX}<p></p>",
        f"<p></p><p></p><div style='position:fixed;bottom:0'>{BOX}</div>",
        SHADOW,
        f"<p></p><p></p><div style='content-visibility:auto'>{BOX}</div><p></p>",
    ],
    ids=["top", "below", "scroller", "frame", "sandbox", "moved", "covered", "fixed", "shadow", "skipped"],
)
async def test_an_element_wherever_it_is(shared: BrowserStage, html: str) -> None:
    assert await shown(shared, html, selector="#box") == ((120, 80), [RED] * 5)


async def test_padding_shows_what_is_around(shared: BrowserStage) -> None:
    size, found = await shown(shared, f"<p></p>{BOX}<p></p>", selector="#box", selector_padding_px=10)
    assert (size, found) == ((130, 100), [RED, WHITE, WHITE, WHITE, WHITE]), "there is nothing left of it"


async def test_an_element_higher_than_the_window_is_whole_and_loaded(shared: BrowserStage) -> None:
    photo = f"<img loading=lazy width=100 height=100 src={shared.site.url('/photo/1.jpg')}>"
    html = f"<p></p><main style='background:red'><p></p><p></p><p></p><p></p>{photo}</main><p></p>"
    rendered = await shared.render(html=STYLE + html, viewport=WINDOW, selector="main", device_scale_factor=2)
    assert (rendered.artifact.width_px, rendered.warnings) == (800, [])
    start, end, picture = colours(shared.output, (700, 0), (700, 2500), (100, 2500))
    assert start == end == RED
    assert picture != RED


async def test_the_first_visible_of_many(shared: BrowserStage) -> None:
    boxes = "<b style='display:none'>x</b><b style='visibility:hidden'>x</b>"
    boxes += "<b style='display:block;height:50px;background:blue'></b><b>x</b>"
    rendered = await shared.render(html=STYLE + boxes, viewport=WINDOW, selector="b")
    assert rendered.warnings == ["selector: 4 elements match b; the picture shows the first visible one"]
    assert (rendered.artifact.width_px, rendered.artifact.height_px) == (400, 50)


async def test_an_element_that_comes_a_little_later(shared: BrowserStage) -> None:
    html = f"<script>setTimeout(() => document.body.innerHTML = `{BOX}`, 1200)</script>"
    size, _ = await shown(shared, html, selector="#box", wait_until="load")
    assert size == (120, 80)


@pytest.mark.parametrize(
    ("html", "selector", "type_", "words"),
    [
        ("x", "#box", ErrorType.SELECTOR_NOT_FOUND, "selector: nothing matches #box"),
        (
            "<b hidden>x</b><b style='opacity:1;width:0'></b>",
            "b",
            ErrorType.SELECTOR_NOT_FOUND,
            "selector: none of the 2 elements that match b is visible",
        ),
        (
            "<b hidden>x</b>",
            "b",
            ErrorType.SELECTOR_NOT_FOUND,
            "selector: the element that matches b is not visible",
        ),
        ("x", "a[", ErrorType.INVALID_REQUEST, "selector: the browser cannot read a["),
    ],
)
async def test_an_element_that_cannot_be_shown(
    shared: BrowserStage, html: str, selector: str, type_: ErrorType, words: str
) -> None:
    error = await failure(shared, html, selector=selector)
    assert error.type is type_
    assert error.detail.startswith(words)


async def test_a_clip_also_below_the_window(shared: BrowserStage) -> None:
    html = "<p style='background:red'></p><p></p><p></p><p style='background:blue'></p><p></p>"
    for y, expected in ((100, RED), (1000, BLUE)):
        clip = {"x": 20, "y": y, "width": 100, "height": 50}
        assert await shown(shared, html, clip=clip) == ((100, 50), [expected] * 5)


async def test_a_clip_beyond_the_page(shared: BrowserStage) -> None:
    clip = {"x": 380, "y": 580, "width": 100, "height": 50}
    rendered = await shared.render(html=f"{STYLE}<p></p><p></p>", viewport=WINDOW, clip=clip)
    assert (rendered.artifact.width_px, rendered.artifact.height_px) == (20, 20)
    (warning,) = rendered.warnings
    assert warning == "clip: 100 x 50 CSS pixels were asked for; the picture holds 20 x 20 of them"
    error = await failure(shared, "<p></p><p></p>", clip={**clip, "y": 600})
    assert error.type is ErrorType.INVALID_REQUEST
    assert error.detail == "clip: lies outside the page, which is 400 x 600 CSS pixels"
