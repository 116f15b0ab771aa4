"""How the page looks in its picture: what is hidden, what moves, what is behind it."""

from typing import Any

import pytest
from PIL import Image

from fleet.errors import ErrorType, RenderError
from tests.kit.documents.pictures import colours
from tests.kit.stages.browser_stage import BrowserStage

pytest_plugins = ("tests.kit.stages.browser_fixtures",)

WINDOW = {"width": 400, "height": 300}
WHITE, RED, BLUE = (255, 255, 255), (255, 0, 0), (0, 0, 255)
STYLE = "<!doctype html><style>body{margin:0}p{margin:0;height:100px}</style>"


async def render(shared: BrowserStage, html: str, **options: Any) -> None:
    assert (await shared.render(html=STYLE + html, viewport=WINDOW, **options)).warnings == []


@pytest.mark.parametrize("format_", ["png", "webp"])
@pytest.mark.parametrize("options", [{}, {"full_page": True}, {"selector": "main"}])
async def test_background_can_be_left_out(
    shared: BrowserStage, format_: str, options: dict[str, Any]
) -> None:
    html = "<main><p style='background:red'></p><p></p><p></p><p></p></main>"
    for is_omitted, expected in ((True, 0), (False, 255)):
        await render(shared, html, format=format_, omit_background=is_omitted, **options)
        with Image.open(shared.output) as picture:
            alphas = picture.convert("RGBA").getchannel("A").tobytes()
            assert (alphas[0], alphas[-1]) == (255, expected)


HIDDEN = "<p class=ad style='background:red'></p>"


async def test_what_is_hidden_leaves_its_place_empty(shared: BrowserStage) -> None:
    frame = f'<iframe style="border:0;height:100px" srcdoc="{STYLE}{HIDDEN}"></iframe>'
    html = f"""{HIDDEN}<p style='background:blue'></p>{frame}<div id=host></div><script>
      host.attachShadow({{mode: 'open'}}).innerHTML = `<p class=ad style='height:50px;background:red'></p>`
    </script>"""
    places = [(50, 50), (50, 150), (50, 250), (50, 330)]
    await render(shared, html, full_page=True, hide_selectors=[".ad", "#nothing"])
    assert colours(shared.output, *places) == [WHITE, BLUE, WHITE, WHITE]
    await render(shared, html, full_page=True)
    assert colours(shared.output, *places) == [RED, BLUE, RED, RED]


@pytest.mark.parametrize("selector", ["a[", "p{}*", "p, }"])
async def test_a_selector_that_cannot_be_read_is_named(shared: BrowserStage, selector: str) -> None:
    with pytest.raises(RenderError) as caught:
        await render(shared, "x", hide_selectors=[".ad", selector])
    assert caught.value.type is ErrorType.INVALID_REQUEST
    assert caught.value.detail == f"hide_selectors.1: the browser cannot read the selector {selector}"


ANIMATED = """<style>
  @keyframes turn { from { background: blue } to { background: red } }
  #ends { animation: turn 1000s forwards } #endless { animation: turn 1000s 500s infinite both reverse }
  #moves { transition: background 1000s; background: blue }
</style><p id=ends></p><p id=endless style='background:white'></p><p id=moves></p>
<script>moves.offsetWidth; moves.style.background = 'red'</script>"""


async def test_animations_are_put_to_their_end_or_start(shared: BrowserStage) -> None:
    places = [(50, 50), (50, 150), (50, 250)]
    await render(shared, ANIMATED, animations="disabled")
    assert colours(shared.output, *places) == [RED, WHITE, RED]
    await render(shared, ANIMATED, wait_until="load")
    found = colours(shared.output, *places)
    assert found[1] == RED
    assert found[0][2] > 200
    assert found[2][2] > 200


async def test_the_text_cursor_is_hidden(shared: BrowserStage) -> None:
    """It blinks, so that the same page would give two pictures."""
    html = "<style>input{border:0;outline:0;padding:20px;font-size:60px}</style><input id=field>"
    html += "<script>field.focus()</script>"
    await render(shared, html, caret="hide")
    with Image.open(shared.output) as picture:
        assert picture.convert("RGB").getcolors(4) == [(400 * 300, WHITE)]
    seen = set()
    for _ in range(3):
        await render(shared, html, caret="initial")
        with Image.open(shared.output) as picture:
            seen.add(len(picture.convert("RGB").getcolors(1000) or ()))
    assert max(seen) > 1


async def test_the_text_cursor_of_a_field_that_gets_it_late_is_hidden(shared: BrowserStage) -> None:
    """On a busy machine `autofocus` takes effect after the page has been asked whether it has a cursor.

    Here the field loses it at first, and gets it again after the question, which waits for fonts.
    """
    html = f"""<style>input{{border:0;outline:0;padding:20px;font-size:60px}}</style>
      <input id=field autofocus><script>
        field.addEventListener("focus", () => field.blur(), {{once: true}});
        addEventListener("load", () => {{
          document.fonts.add(new FontFace("late", "url({shared.site.url("/slow?ms=300")})"));
          document.fonts.load("16px late").catch(() => {{}});
          document.fonts.ready.then(() => setTimeout(() => field.focus()));
        }});
      </script>"""
    await shared.render(html=STYLE + html, viewport=WINDOW, wait_until="load")
    with Image.open(shared.output) as picture:
        assert picture.convert("RGB").getcolors(4) == [(400 * 300, WHITE)]
