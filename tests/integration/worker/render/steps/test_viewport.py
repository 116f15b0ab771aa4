"""The screen that a page sees, and the picture that comes of it."""

import asyncio
import base64
import contextlib
import json
from collections.abc import Callable
from io import BytesIO
from typing import Any
from urllib.parse import quote

import pytest
from PIL import Image

from fleet.render.devices import TABLE
from tests.kit.docs import device_table
from tests.kit.documents.pictures import Colour, colours
from tests.kit.patience import PATIENCE_S
from tests.kit.stages.browser_stage import MAX_BYTES, TERMS, BrowserStage, request_for
from worker.browser.devtools import Params
from worker.browser.document.loading import LOAD
from worker.render.context import Render
from worker.render.steps import viewport

pytest_plugins = ("tests.kit.stages.browser_fixtures",)

FITTING = "<meta name=viewport content='width=device-width'>"
LOOKS = f"""{FITTING}<title></title><script>document.title = JSON.stringify([innerWidth, innerHeight,
    screen.width, screen.height, devicePixelRatio, navigator.maxTouchPoints, "ontouchstart" in window,
    matchMedia("(hover: hover)").matches, matchMedia("(pointer: coarse)").matches, screen.orientation.type])
</script>"""
MOUSE, TOUCH = [0, False, True, False], [1, True, False, True]
LIME, WHITE = (0, 255, 0), (255, 255, 255)
UPRIGHT, TURNED = "portrait-primary", "landscape-primary"


@pytest.mark.parametrize(
    ("options", "seen"),
    [
        ({"device": "iPhone 13"}, [390, 664, 390, 844, 3, *TOUCH, UPRIGHT]),
        ({"device": "iPhone 13 landscape"}, [750, 342, 390, 844, 3, *TOUCH, TURNED]),
        (
            {
                "device": "iPhone 13",
                "device_scale_factor": 1,
                "viewport": {"height": 500},
                "has_touch": False,
            },
            [390, 500, 390, 844, 1, *MOUSE, UPRIGHT],
        ),
        ({"has_touch": True}, [1280, 720, 800, 600, 1, *TOUCH, TURNED]),
        ({"viewport": {"width": 500}}, [500, 720, 500, 720, 1, *MOUSE, TURNED]),
        ({"screen": {"width": 1920, "height": 1080}}, [1280, 720, 1920, 1080, 1, *MOUSE, TURNED]),
    ],
)
async def test_a_page_sees_the_screen_that_was_asked_for(
    shared: BrowserStage, options: dict[str, Any], seen: list[Any]
) -> None:
    rendered = await shared.render(f"/given?html={quote(LOOKS)}", **options)
    assert json.loads(rendered.page.title or "") == seen
    with Image.open(shared.output) as picture:
        assert picture.size == (seen[0] * seen[4], seen[1] * seen[4])


@pytest.mark.parametrize(
    ("options", "height", "background"), [({"is_mobile": True}, 300, WHITE), ({}, 300, LIME)]
)
async def test_a_page_that_is_not_made_for_phones_is_made_smaller_on_one(
    shared: BrowserStage, options: dict[str, Any], height: int, background: Colour
) -> None:
    """Its window is 980 CSS pixels wide there, as on every phone, so that 500 pixels become 204."""
    html = "<body style='margin: 0'><div style='width: 980px; height: 500px; background: lime'>"
    await shared.render(html=html, viewport={"width": 400, "height": 300}, **options)
    with Image.open(shared.output) as picture:
        assert picture.size == (400, height)
    assert colours(shared.output, (5, 5), (395, 5), (5, 250)) == [LIME, LIME, background]


# What a page knows of its window: its queries, what is in view, and whether it is given frames.
KNOWS = """<title></title><style>div { height: 700px }</style><div id=near></div><div id=far></div><script>
const seen = {}, moved = [];
addEventListener('resize', () => moved.push('resize'));
addEventListener('visibilitychange', () => moved.push('hidden'));
const look = new IntersectionObserver((entries) => entries.forEach((entry) => {
  seen[entry.target.id] = [entry.intersectionRatio.toFixed(2), entry.rootBounds?.height];
  if (Object.keys(seen).length === 2) requestAnimationFrame(() => requestAnimationFrame(() => {
    document.title = JSON.stringify([innerWidth, outerHeight, devicePixelRatio, visualViewport.scale,
      visualViewport.width, screen.width, matchMedia('(min-width: 1280px)').matches, seen, moved,
      document.elementFromPoint(20, 712).id, document.visibilityState]);
  }));
}));
look.observe(near);
look.observe(far);
</script>"""


@pytest.mark.parametrize("format_", ["pdf", "html"])
@pytest.mark.parametrize("options", [{}, {"viewport": {"width": 1000}, "device_scale_factor": 2}])
async def test_a_page_of_which_no_picture_is_taken_sees_the_same_window(
    shared: BrowserStage, format_: str, options: dict[str, Any]
) -> None:
    options = {"html": KNOWS, "wait_for_function": "document.title !== ''", **options}
    pictured = await shared.render(**options)
    rendered = await shared.render(format=format_, **options)
    assert rendered.page.title == pictured.page.title


LIME_PAGE = "<!doctype html><body style='margin: 0'><div style='height: 100vh; background: lime'>"


async def is_drawn(stage: BrowserStage, is_wanted: Callable[[int, int], bool], **options: Any) -> bool:
    """Whether a page that fills its window comes to be drawn in a wanted size: width and height in pixels.

    A screenshot would draw it anew. Of the frames that are drawn, the first may be of the empty page, and on
    a busy machine another may have a part of the page only.
    """
    frames: asyncio.Queue[Params] = asyncio.Queue()
    request = request_for(html="<body>", **options)
    async with stage.page() as page:
        await viewport.run(Render(page, request, stage.output, TERMS, MAX_BYTES, navigation_deadline=0))
        await page.set_html(LIME_PAGE)
        await page.lifecycle.reach(LOAD)
        page.on("Page.screencastFrame", frames.put_nowait)
        await page.send("Page.startScreencast", format="png")
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    frame = await frames.get()
                    box = not_white(base64.b64decode(frame["data"])) or (0, 0, 0, 0)
                    if is_wanted(box[2] - box[0], box[3] - box[1]):
                        return True
                    await page.send("Page.screencastFrameAck", sessionId=frame["sessionId"])
    return False


def not_white(png: bytes) -> tuple[int, int, int, int] | None:
    """Left, top, right and bottom of what has a colour."""
    with Image.open(BytesIO(png)) as picture:
        return picture.convert("RGB").point(lambda value: 255 - value).getchannel("R").getbbox()


@pytest.mark.parametrize("options", [{}, {"viewport": {"width": 1000, "height": 1000}}])
async def test_nothing_is_drawn_large_that_nobody_sees(shared: BrowserStage, options: dict[str, Any]) -> None:
    size = options.get("viewport", {"width": 1280, "height": 720})
    whole = (size["width"], size["height"])

    def is_whole(*drawn: int) -> bool:
        return drawn == whole

    assert await is_drawn(shared, is_whole, format="png", **options)
    assert await is_drawn(shared, lambda *drawn: 0 < max(drawn) <= max(whole) / 50, format="pdf", **options)
    # The mouse finds what it is sent to.
    assert await is_drawn(shared, is_whole, format="pdf", click="body", **options)


async def test_the_table_of_devices_is_that_of_the_installed_playwright() -> None:
    assert TABLE.read_text() == await device_table.current(), "run `python -m tests.kit.docs.device_table`"


async def test_a_document_that_is_written_sees_one_window(shared: BrowserStage) -> None:
    script = "addEventListener('resize', () => document.title = 'another')"
    html = f"<title>one</title><script>{script}</script><p>"
    rendered = await shared.render(html=html, viewport={"width": 400, "height": 300}, delay_ms=50)
    assert rendered.page.title == "one"
