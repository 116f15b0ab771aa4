"""The paper that a page is printed on: its size, its margins, and what the page itself says of them."""

from typing import Any

import pytest

from tests.kit.documents.pdfs import pages, picture, sizes_mm, words
from tests.kit.documents.pictures import colour
from tests.kit.stages.browser_stage import BrowserStage

pytest_plugins = ("tests.kit.stages.browser_fixtures",)

RED, WHITE = (255, 0, 0), (255, 255, 255)
# Red is what lies between the margins.
FULL = "<!doctype html><style>%s body{margin:0} div{background:red;height:50px}</style><div></div>"
POINTS_PER_CM = 72 / 2.54
A4_MM, A5_MM = (210, 297), (148, 210)


async def printed(stage: BrowserStage, css: str = "", **pdf: Any) -> None:
    await stage.render(html=FULL % css, format="pdf", pdf=pdf)


def edges(stage: BrowserStage) -> tuple[int, int, int]:
    """Points to the left, right and top of what is red on the first page."""
    shown = picture(stage.output)
    box = shown.point(lambda value: 255 if value < 128 else 0).getchannel("G").getbbox()
    assert box is not None
    left, top, right, _ = box
    return left, shown.width - right, top


@pytest.mark.parametrize(
    ("options", "size_mm"),
    [
        ({}, A4_MM),
        ({"format": "A6"}, (105, 148)),
        ({"format": "Letter", "landscape": True}, (279, 216)),
        ({"width": "80mm", "height": 500}, (80, 132)),
    ],
)
async def test_the_paper_has_the_size_that_was_asked_for(
    shared: BrowserStage, options: dict[str, Any], size_mm: tuple[int, int]
) -> None:
    await printed(shared, **options)
    assert sizes_mm(shared.output) == [size_mm]


async def test_margins_are_white_and_those_that_were_asked_for(shared: BrowserStage) -> None:
    await printed(shared)
    assert edges(shared) == pytest.approx((29, 29, 29), abs=1)
    await printed(shared, margin={"top": "3cm", "left": "2in", "right": 0})
    assert edges(shared) == pytest.approx((144, 0, 3 * POINTS_PER_CM), abs=1)


@pytest.mark.parametrize(
    ("css", "options", "size_mm", "left"),
    [
        ("@page{size:A5;margin:1in}", {}, A5_MM, 72),
        ("@page{size:A5;margin:1in}", {"margin": {"left": "2in"}}, A5_MM, 144),
        ("@page{margin:0}", {"format": "A5"}, A5_MM, 0),
        ("@page{size:A5}", {"format": "A4", "prefer_css_page_size": True}, A5_MM, 29),
        ("@page{margin:1in}", {"margin": {"left": "2in"}, "prefer_css_page_size": True}, A4_MM, 72),
        ("@page:first{margin:0}", {"margin": {"left": "2in"}}, A4_MM, 0),
        ("@page{size:landscape}", {}, (297, 210), 29),
    ],
)
async def test_what_the_page_declares_counts_where_nothing_was_asked_for(
    shared: BrowserStage, css: str, options: dict[str, Any], size_mm: tuple[int, int], left: int
) -> None:
    await printed(shared, css, **options)
    assert sizes_mm(shared.output) == [size_mm]
    assert edges(shared)[0] == pytest.approx(left, abs=1)


@pytest.mark.parametrize("options", [{"format": "A4"}, {"prefer_css_page_size": False}])
async def test_a_declared_size_that_is_not_wanted_is_made_to_fit(
    shared: BrowserStage, options: dict[str, Any]
) -> None:
    await printed(shared, "@page{size:A5;margin:0}", **options)
    assert sizes_mm(shared.output) == [A4_MM]


async def test_the_page_is_printed_as_large_as_was_asked_for(shared: BrowserStage) -> None:
    html = "<p style='font-size:20pt'>large</p>"
    await shared.render(html=html, format="pdf", pdf={"scale": 0.5})
    assert [word.size for word in words(pages(shared.output)[0])] == [10]


async def test_backgrounds_are_printed_unless_they_are_not_wanted(shared: BrowserStage) -> None:
    await printed(shared)
    assert colour(picture(shared.output), 100, 40) == RED
    await printed(shared, print_background=False)
    assert colour(picture(shared.output), 100, 40) == WHITE
