"""Pictures, and pages of PDFs, as they were when a person looked at them.

RENDERFLEET_UPDATE_GOLDEN=1 takes new ones. The pages have no text: fonts differ between machines. Edges may
differ by a shade between versions.
"""

import os
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageChops

from tests.kit.documents import pdfs
from tests.kit.stages.browser_stage import BrowserStage

pytest_plugins = ("tests.kit.stages.browser_fixtures",)

FOLDER = Path(__file__).parent
SHADE = 12
PIXELS_THAT_MAY_DIFFER = 0.002

VIEWPORT = {"width": 320, "height": 240}
CASES: dict[str, dict[str, Any]] = {
    "shapes": {"path": "/shapes", "viewport": VIEWPORT},
    "shapes-at-scale-1.5": {"path": "/shapes", "viewport": VIEWPORT, "device_scale_factor": 1.5},
    "shapes-in-a-narrow-window": {"path": "/shapes", "viewport": {"width": 160, "height": 240}},
    "bands-full-page": {"path": "/bands?n=7", "viewport": VIEWPORT, "full_page": True},
}


def block(colour: str, height: str = "100%") -> str:
    """What has a colour in a header, a footer or a page."""
    return (
        f"<p style='margin:0;width:60%;height:{height};background:{colour};-webkit-print-color-adjust:exact'>"
    )


# Each is a different page, so that the wrong one is noticed.
PAGES = "".join(
    f"<div style='height:100vh;break-after:page'>{block(colour, '50%')}</div>" for colour in ("#c02", "#0a7")
)
PAPER = {"width": "80mm", "print_background": True}
LOW = {**PAPER, "height": "60mm"}
STRIPES = f"{block('#c02', '400px')}{block('#0a7', '300px')}{block('#124', '20px')}"
# The last page of each PDF.
PDF_CASES: dict[str, dict[str, Any]] = {
    "pdf-margins": {
        "html": f"<body style='margin:0'>{PAGES}",
        "pdf": {**LOW, "margin": {"top": "20mm", "right": "2mm", "bottom": "6mm", "left": "12mm"}},
    },
    "pdf-header-and-footer": {
        "html": f"<body style='margin:0'>{PAGES}",
        "pdf": {
            **LOW,
            "margin": dict.fromkeys(("top", "right", "bottom", "left"), "12mm"),
            "header_template": block("#04c", "20px"),
            "footer_template": block("#fc3", "12px"),
        },
    },
    "pdf-single-page": {
        "html": f"<body style='margin:0'>{STRIPES}",
        "pdf": {**PAPER, "single_page": True},
    },
}


@pytest.mark.parametrize("name", [*CASES, *PDF_CASES])
async def test_picture_is_as_it_was(shared: BrowserStage, name: str, tmp_path: Path) -> None:
    made, golden = shared.output, FOLDER / f"{name}.png"
    if name in CASES:
        await shared.render(**CASES[name])
    else:
        await shared.render(format="pdf", **PDF_CASES[name])
        made = tmp_path / "page.png"
        pdfs.picture(shared.output, -1).save(made)
    if os.environ.get("RENDERFLEET_UPDATE_GOLDEN"):
        shutil.copy(made, golden)
    share = share_that_differs(made, golden)
    assert share <= PIXELS_THAT_MAY_DIFFER, f"{share:.2%} of the pixels differ from {golden.name}"


async def test_difference_is_noticed(shared: BrowserStage) -> None:
    await shared.render(html="<body style='background:#123'>", viewport=VIEWPORT)
    assert share_that_differs(shared.output, FOLDER / "shapes.png") > 0.5


def share_that_differs(one: Path, other: Path) -> float:
    """The share of pixels of which any channel differs by more than a shade; 1 when the sizes differ."""
    with Image.open(one) as first, Image.open(other) as second:
        if first.size != second.size:
            return 1.0
        difference = ImageChops.difference(first.convert("RGB"), second.convert("RGB"))
    channels = difference.split()
    worst = ImageChops.lighter(ImageChops.lighter(channels[0], channels[1]), channels[2])
    return sum(worst.histogram()[SHADE + 1 :]) / (worst.width * worst.height)
