"""What becomes of Chromium's picture: smaller, in another format, in another size."""

import shutil
from typing import Any

import pytest
from PIL import Image

from fleet.errors import ErrorType, RenderError
from fleet.jobs.facts import ArtifactFacts
from tests.kit.documents.pictures import colours, differing_box
from tests.kit.stages.browser_stage import BrowserStage

pytest_plugins = ("tests.kit.stages.browser_fixtures",)

WINDOW = {"width": 600, "height": 400}
HALVES = """<body style='margin:0;background:linear-gradient(90deg, red 50%, blue 50%)'>"""


async def artifact(shared: BrowserStage, path: str | None = None, **options: Any) -> ArtifactFacts:
    rendered = await shared.render(path, **{"viewport": WINDOW, **options})
    assert rendered.warnings == []
    return rendered.artifact


@pytest.mark.parametrize(("path", "share"), [("/long?n=9", 0.5), ("/photo", 1.0), ("/shapes", 0.2)])
async def test_a_png_of_the_same_pixels_in_fewer_bytes(shared: BrowserStage, path: str, share: float) -> None:
    fast = await artifact(shared, path)
    shutil.copy(shared.output, before := shared.folder / "fast.png")
    small = await artifact(shared, path, optimize="size")
    assert small.content_type == "image/png"
    assert small.size_bytes < fast.size_bytes * share
    assert differing_box(shared.output, before) is None


async def test_a_png_made_smaller_stays_transparent(shared: BrowserStage) -> None:
    await artifact(shared, html="<p>text", optimize="size", omit_background=True)
    with Image.open(shared.output) as picture:
        assert picture.convert("RGBA").getchannel("A").getextrema()[0] == 0


async def test_avif(shared: BrowserStage) -> None:
    found = await artifact(shared, html=HALVES, format="avif")
    assert (found.content_type, found.width_px, found.height_px) == ("image/avif", 600, 400)
    with Image.open(shared.output) as picture:
        assert picture.format == "AVIF"
    red, blue = colours(shared.output, (100, 200), (500, 200))
    assert min(red[0], blue[2]) > 240
    assert max(red[2], blue[0]) < 15
    sizes = [(await artifact(shared, "/photo", format="avif", quality=q)).size_bytes for q in (20, 60)]
    assert sizes[0] < sizes[1] * 0.7
    assert (await artifact(shared, "/photo", format="avif")).size_bytes == sizes[1]


async def test_avif_without_a_background(shared: BrowserStage) -> None:
    await artifact(shared, html="<p>text", format="avif", omit_background=True)
    with Image.open(shared.output) as picture:
        assert picture.convert("RGBA").getpixel((300, 300)) == (0, 0, 0, 0)


async def test_a_page_larger_than_an_avif_is_cut_and_said(shared: BrowserStage) -> None:
    viewport = {"width": 4000, "height": 300}
    rendered = await shared.render("/bands?n=50", format="avif", viewport=viewport, full_page=True)
    assert (rendered.artifact.width_px, rendered.artifact.height_px) == (4000, 4000)
    assert "holds the first 4000 x 4000" in rendered.warnings[0]


@pytest.mark.parametrize("format_", ["png", "jpeg", "webp", "avif"])
async def test_the_result_can_have_another_size(shared: BrowserStage, format_: str) -> None:
    found = await artifact(shared, html=HALVES, format=format_, width_px=60)
    assert (found.width_px, found.height_px) == (60, 40)
    with Image.open(shared.output) as picture:
        assert picture.format == format_.upper()
    red, blue = colours(shared.output, (10, 20), (50, 20))
    assert min(red[0], blue[2]) > 240
    assert max(red[2], blue[0]) < 15


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"height_px": 200}, (300, 200)),
        ({"width_px": 100, "height_px": 100}, (100, 100)),
        ({"width_px": 1200, "optimize": "size"}, (1200, 800)),
        ({"width_px": 300, "device_scale_factor": 2}, (300, 200)),
        ({"width_px": 60, "clip": {"x": 0, "y": 0, "width": 300, "height": 50}}, (60, 10)),
    ],
)
async def test_sizes_of_the_result(
    shared: BrowserStage, options: dict[str, Any], expected: tuple[int, int]
) -> None:
    found = await artifact(shared, html=HALVES, **options)
    assert (found.width_px, found.height_px) == expected


async def test_a_result_that_would_be_too_large_is_refused(shared: BrowserStage) -> None:
    clip = {"x": 0, "y": 0, "width": 5, "height": 400}
    with pytest.raises(RenderError) as caught:
        await artifact(shared, html=HALVES, clip=clip, width_px=2000)
    assert caught.value.type is ErrorType.INVALID_REQUEST
    assert caught.value.detail.startswith("width_px: the picture would be 2,000 x 160,000 pixels; png may")
