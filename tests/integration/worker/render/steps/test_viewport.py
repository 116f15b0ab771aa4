"""The screen that a page sees, and the picture that comes of it."""

import json
from typing import Any
from urllib.parse import quote

import pytest
from PIL import Image

from fleet.render.devices import TABLE
from tests.kit import device_table
from tests.kit.documents.pictures import Colour, colours
from tests.kit.stages.browser_stage import BrowserStage

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


async def test_the_table_of_devices_is_that_of_the_installed_playwright() -> None:
    assert TABLE.read_text() == await device_table.current(), "run `python -m tests.kit.device_table`"


async def test_a_document_that_is_written_sees_one_window(shared: BrowserStage) -> None:
    script = "addEventListener('resize', () => document.title = 'another')"
    html = f"<title>one</title><script>{script}</script><p>"
    rendered = await shared.render(html=html, viewport={"width": 400, "height": 300}, delay_ms=50)
    assert rendered.page.title == "one"
