"""What is printed in the margins of each page."""

import re

import pytest

from tests.kit.documents.pdfs import Word, pages, picture, text, words
from tests.kit.documents.pictures import colour
from tests.kit.stages.browser_stage import BrowserStage

pytest_plugins = ("tests.kit.stages.browser_fixtures",)

TWO_PAGES = "<title>Invoice 7</title><p>one</p><p style='break-before:page'>two</p>"
CLASSES = ("pageNumber", "totalPages", "title", "url", "date")
ALL = " ".join(f"<p style='margin:0 1em'>{name}=<span class={name}></span></p>" for name in CLASSES)
A4_HEIGHT = 842
# A blue pixel.
PICTURE = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR42mNgYPgPAAEDAQBfO1CtAAAA"
    "AElFTkSuQmCC"
)


def of(page_words: list[Word], name: str) -> Word:
    return next(word for word in page_words if name in word.text)


async def test_each_class_is_filled_in_on_each_page(shared: BrowserStage) -> None:
    await shared.render(html=TWO_PAGES, format="pdf", pdf={"footer_template": ALL})
    first, second = (text(page) for page in pages(shared.output))
    assert "pageNumber=1 totalPages=2 title=Invoice 7 url=about:blank date=" in first
    assert re.search(r"date=\d", first)
    assert "pageNumber=2 totalPages=2" in second


async def test_header_and_footer_can_be_read_and_lie_in_their_margins(shared: BrowserStage) -> None:
    options = {"header_template": "<b>above</b>", "footer_template": "<b>below</b>"}
    await shared.render(html=TWO_PAGES, format="pdf", pdf=options)
    for page in pages(shared.output):
        found = words(page)
        above, below = of(found, "above"), of(found, "below")
        assert above.size == below.size == pytest.approx(9, abs=0.2)
        assert above.top < 0.6 * 72
        assert below.top > A4_HEIGHT - 0.6 * 72


async def test_a_template_chooses_another_size(shared: BrowserStage) -> None:
    options = {"header_template": "<b style='font-size:14pt'>above</b>"}
    await shared.render(html=TWO_PAGES, format="pdf", pdf=options)
    assert of(words(pages(shared.output)[0]), "above").size == pytest.approx(14, abs=0.2)


async def test_a_template_without_style_is_in_line_with_the_page(shared: BrowserStage) -> None:
    for template, left in (("<b>below</b>", 144), ("<b style='color:red'>below</b>", 0)):
        options = {"footer_template": template, "margin": {"left": "2in"}}
        await shared.render(html="<body style='margin:0'>one", format="pdf", pdf=options)
        found = words(pages(shared.output)[0])
        assert (of(found, "one").left, of(found, "below").left) == pytest.approx((144, left), abs=1)


async def test_with_one_template_the_other_margin_is_empty(shared: BrowserStage) -> None:
    await shared.render(html=TWO_PAGES, format="pdf", pdf={"footer_template": "<b>below</b>"})
    assert sorted(text(pages(shared.output)[0]).split()) == ["below", "one"]
    await shared.render(html=TWO_PAGES, format="pdf", pdf={"header_template": "<b>above</b>"})
    assert sorted(text(pages(shared.output)[0]).split()) == ["above", "one"]


async def test_header_and_footer_can_be_switched_off_and_on(shared: BrowserStage) -> None:
    off = {"header_template": "<b>above</b>", "display_header_footer": False}
    await shared.render(html=TWO_PAGES, format="pdf", pdf=off)
    assert text(pages(shared.output)[0]) == "one"
    await shared.render(html=TWO_PAGES, format="pdf", pdf={"display_header_footer": True})
    assert "Invoice 7" in text(pages(shared.output)[0])


async def test_pictures_and_colours_of_a_template_are_printed(shared: BrowserStage) -> None:
    template = (
        f"<style>#header{{padding:0}}</style><img src='{PICTURE}' width=200 height=20>"
        "<div style='width:200px;height:20px;background:#f00'></div>"
    )
    await shared.render(html=TWO_PAGES, format="pdf", pdf={"header_template": template})
    shown = picture(shared.output)
    assert colour(shown, 10, 5) == (0, 0, 255)
    assert colour(shown, 250, 5) == (255, 0, 0)
