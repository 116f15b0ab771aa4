"""Which changes of a page the default of a comparison sees, and which noise it does not."""

from typing import Any

import pytest

from fleet.pictures.compare import Compared, compare
from fleet.pictures.options import ComparisonOptions, Region
from tests.kit.stages.browser_stage import BrowserStage

pytest_plugins = ("tests.kit.stages.browser_fixtures",)

SHAPE = (
    "<svg width=200 height=120><g transform='translate({0} {0})'><circle cx=60 cy=60 r=40 fill='#36c'/>"
    "<path d='M110 110 L190 17' stroke='#c30' stroke-width=3 /></g></svg>"
)
PAGE = {
    "head": "<!doctype html><meta charset=utf-8><style>body{font:14px/1.5 sans-serif;width:600px}</style>",
    "text": "<p>Prices of this shop change with the season, and once in a while with the market.</p>",
    "line": "<p>Delivery takes three to five days.</p>",
    "price": "<p>129.90 €</p>",
    "button": "<button style='background:#0a7;color:#fff;border:0;padding:8px 16px'>Buy</button>",
    "shape": SHAPE.format(0),
    "field": "<p><input autofocus value=x></p>",
}


async def picture(shared: BrowserStage, *, changes: dict[str, str] | None = None, **options: Any) -> bytes:
    html = "".join((PAGE | (changes or {})).values())
    await shared.render(html=html, **options)
    return shared.output.read_bytes()


async def seen(shared: BrowserStage, changes: dict[str, str]) -> Compared:
    method = ComparisonOptions().method
    return await compare(await picture(shared), await picture(shared, changes=changes), method=method)


@pytest.mark.parametrize(
    ("part", "after"),
    [
        ("text", PAGE["text"].replace("season", "reason")),
        ("price", "<p>129.80 €</p>"),
        ("button", PAGE["button"].replace("#0a7", "#0a6")),
        ("line", ""),
    ],
)
async def test_a_word_a_digit_a_colour_and_a_line_are_seen(
    shared: BrowserStage, part: str, after: str
) -> None:
    found = await seen(shared, {part: after})
    assert found.share > ComparisonOptions().limit
    assert found.boxes
    assert found.image


async def test_smoothed_edges_and_the_text_cursor_are_not_seen(shared: BrowserStage) -> None:
    found = await seen(shared, {"shape": SHAPE.format(0.3)})
    assert found.differing_share > 0, "it is drawn otherwise"
    assert found.share == 0
    again = await seen(shared, {})
    assert again.differing_share == 0, "the page has a field with a text cursor"


async def test_what_an_ignored_element_shows_does_not_count_in_either_picture(shared: BrowserStage) -> None:
    clock = "<p id=now style='position:absolute;top:{top}px;left:300px'>{text}</p>"
    boxes: list[Any] = []
    pictures = []
    for top, text in ((10, "12:00"), (40, "12:01:07")):
        html = "<!doctype html><body><h1>Prices</h1>" + clock.format(top=top, text=text)
        rendered = await shared.render(html=html, ignored_selectors=["#now"], device_scale_factor=2)
        boxes += rendered.artifact.ignored or []
        pictures.append(shared.output.read_bytes())
    regions = [Region(x=box[0], y=box[1], width=box[2] - box[0], height=box[3] - box[1]) for box in boxes]
    assert len(regions) == 2
    method = ComparisonOptions().method
    assert (await compare(*pictures, method=method)).share > 0
    assert (await compare(*pictures, method=method, ignored=regions)).differing_share == 0


@pytest.mark.parametrize(
    "options", [{}, {"full_page": True}, {"selector": "main"}, {"full_page": True, "width_px": 320}]
)
async def test_an_ignored_element_is_found_where_the_picture_shows_it(
    shared: BrowserStage, options: dict[str, Any]
) -> None:
    html = (
        "<!doctype html><style>body{margin:0}main{height:120px}</style><div style='height:50px'></div>"
        "<main><div id=ad style='position:relative;left:100px;top:30px;width:200px;height:60px'></div></main>"
    )
    viewport = {"width": 640, "height": 300}
    rendered = await shared.render(html=html, viewport=viewport, ignored_selectors=["#ad"], **options)
    facts = rendered.artifact
    assert facts.ignored is not None
    (box,) = facts.ignored
    scale = (facts.width_px or 0) / 640
    top = 30 if "selector" in options else 80
    assert box == [round(value * scale) for value in (100, top, 300, top + 60)]


async def test_a_selector_that_cannot_be_read_is_a_warning(shared: BrowserStage) -> None:
    rendered = await shared.render(html="x", ignored_selectors=["p", "a["])
    assert "compare.ignore_selectors.1: the browser cannot read the selector a[" in rendered.warnings[0]
