"""`single_page`: one page, as high as its content."""

from typing import Any

import pytest

from fleet.errors import ErrorType, RenderError
from tests.kit.documents.pdfs import pages, picture, text
from tests.kit.documents.pictures import colour
from tests.kit.stages.browser_stage import BrowserStage

pytest_plugins = ("tests.kit.stages.browser_fixtures",)

PX = 0.75  # points
MARGINS = 2 * 0.4 * 72


def tall(height_px: int, css: str = "") -> str:
    """A block of so many px, then a green end of 40."""
    style = f"{css} body{{margin:0}} p{{margin:0;height:40px;background:#0f0}}"
    return f"<!doctype html><style>{style}</style><div style='height:{height_px}px'>begin</div><p>end</p>"


async def height_points(stage: BrowserStage, html: str, **pdf: Any) -> float:
    await stage.render(html=html, format="pdf", pdf={"single_page": True, **pdf})
    (page,) = pages(stage.output)
    assert "end" in text(page)
    return float(page.mediabox.height)


@pytest.mark.parametrize(
    "css",
    [
        "",
        "@page{size:A5;margin:1in}",
        "div{break-after:page}",
        "p{break-before:page}",
        "html,body{height:100%}",
        "p{page:other}",
    ],
)
async def test_the_page_is_as_high_as_its_content(shared: BrowserStage, css: str) -> None:
    assert await height_points(shared, tall(5000, css)) == pytest.approx(5040 * PX + MARGINS, abs=2)
    shown = picture(shared.output)
    assert colour(shown, 300, shown.height - 45) == (0, 255, 0)
    assert colour(shown, 300, shown.height - 20) == (255, 255, 255)


async def test_a_short_page_is_short(shared: BrowserStage) -> None:
    assert await height_points(shared, "<p style='margin:0'>end") < 150


async def test_the_width_is_that_of_the_paper(shared: BrowserStage) -> None:
    words = "<p style='font-size:20px'>" + "some words " * 500 + "end"
    wide = await height_points(shared, words, width="20cm")
    narrow = await height_points(shared, words, width="10cm", margin={"left": 0, "right": 0})
    assert float(pages(shared.output)[0].mediabox.width) == pytest.approx(10 / 2.54 * 72, abs=1)
    assert narrow > 1.7 * wide


async def test_what_is_as_high_as_the_window_stays_so(shared: BrowserStage) -> None:
    html = "<style>body{margin:0} header{min-height:100vh}</style><header>begin</header>" + "<p>end"
    assert await height_points(shared, html) == pytest.approx(720 * PX + MARGINS, abs=40)


async def test_what_is_made_higher_for_paper_fits(shared: BrowserStage) -> None:
    script = "<script>onbeforeprint = () => document.querySelector('div').style.height = '5000px'</script>"
    assert await height_points(shared, tall(500) + script) == pytest.approx(5040 * PX + MARGINS, abs=50)


async def test_a_scaled_page_fits(shared: BrowserStage) -> None:
    html = tall(3000)
    assert await height_points(shared, html, scale=0.5) == pytest.approx(3040 * PX / 2 + MARGINS, abs=2)


async def test_more_than_readers_show_is_told(shared: BrowserStage) -> None:
    html = tall(20_000)
    rendered = await shared.render(html=html, format="pdf", pdf={"single_page": True})
    assert rendered.artifact.pages == 1
    assert [warning.partition(":")[0] for warning in rendered.warnings] == ["single_page"]


async def test_more_than_is_allowed_is_refused(shared: BrowserStage) -> None:
    with pytest.raises(RenderError) as caught:
        await height_points(shared, tall(200_000))
    assert caught.value.type is ErrorType.ARTIFACT_TOO_LARGE
    assert caught.value.detail == "the page is 200,040 px high; `single_page` allows 100,000 px"
