"""One page for everything: the paper is made as high as the content.

Chromium has no option for it, and does not say how high the content is on paper. So the page is laid out in
a window as wide as the paper, with its styles for print, and measured there. On paper it may come out higher
by a little; then it is printed again on higher paper.
"""

import json
import math
import tempfile
from collections.abc import AsyncIterator
from typing import IO, Final

from fleet.errors import ErrorType, RenderError
from fleet.render.options.full_page import MAX_FULL_PAGE_HEIGHT_PX
from fleet.render.pdf.document import PdfDocument
from fleet.render.pdf.lengths import POINTS_PER_INCH, PX_PER_INCH
from fleet.render.pdf.paper import MAX_SIDE_IN
from worker.browser.protocol import Metrics, Print
from worker.render.context import Render
from worker.render.file_facts import count_pages
from worker.render.in_page import script
from worker.render.printing.parameters import parameters
from worker.render.window import UNSEEN_SCALE

MAX_HEIGHT_PX: Final = MAX_FULL_PAGE_HEIGHT_PX
_ADOPT: Final = script("adopt.js")
_FIX_HEIGHTS: Final = script("fix_heights.js")
# One page has no breaks, and the paper is ours. A change of the window begins no transition.
_STYLE: Final = (
    "@page{size:auto!important;margin:%s!important}*,::before,::after{break-before:auto!important;"
    "break-after:auto!important;page:auto!important;transition:none!important}"
)
# A document is at least as high as its window, so it is measured in a low one.
_LOW_PX: Final = 10
# What is added to the measured height, one after the other, until everything is on one page.
_ADDED_PX: Final = (1, 50, 500)
_COPY_BYTES: Final = 256 * 1024


async def print_on_one_page(render: Render, options: PdfDocument) -> AsyncIterator[bytes]:
    """The document, piece by piece.

    Raises:
        RenderError: `artifact_too_large`: the content is higher than `MAX_HEIGHT_PX`.
        DevToolsError: the page or its browser ended, or Chromium refuses.
    """
    printed = parameters(options)
    printed["preferCSSPageSize"] = False
    height_px = await _content_height_px(render, options)
    with tempfile.TemporaryFile(dir=render.path.parent) as file:
        for added_px in _ADDED_PX:
            _set_height(printed, options, height_px + added_px)
            await _print_into(file, render, printed)
            if count_pages(file) == 1 or file.tell() > render.max_bytes:
                break
            # Scripts may have made it higher for paper (`beforeprint`).
            _, grown_px = await render.page.content_size()
            height_px = max(height_px, min(grown_px, MAX_HEIGHT_PX))
        else:
            printed["pageRanges"] = "1"
            await _print_into(file, render, printed)
            render.warnings.append(
                "single_page: the end of the page is missing: it grew while it was printed"
            )
        _warn_of_large_page(render, printed)
        file.seek(0)
        while piece := file.read(_COPY_BYTES):
            yield piece


async def _content_height_px(render: Render, options: PdfDocument) -> float:
    """How high the content is, in CSS pixels, when it is as wide as the paper between the margins."""
    page, request = render.page, render.request
    if request.media is None:
        await page.send("Emulation.setEmulatedMedia", media="print")
    margins = " ".join(f"{side:.5f}in" for side in options.margins_in)
    await page.evaluate(f"({_ADOPT})({json.dumps(_STYLE % margins)})")
    _, right, _, left = options.margins_in
    width_px = math.floor((options.paper_in[0] - left - right) * PX_PER_INCH / options.scale)
    await page.resize(_window(width_px, request.viewport.height))
    await page.evaluate(f"({_FIX_HEIGHTS})()")
    await page.resize(_window(width_px, _LOW_PX))
    await page.evaluate(f"({_FIX_HEIGHTS})()")
    _, height_px = await page.content_size()
    if height_px > MAX_HEIGHT_PX:
        detail = f"the page is {height_px:,.0f} px high; `single_page` allows {MAX_HEIGHT_PX:,} px"
        raise RenderError(ErrorType.ARTIFACT_TOO_LARGE, detail)
    return height_px


def _window(width_px: int, height_px: int) -> Metrics:
    return Metrics(
        width=max(1, width_px),
        height=height_px,
        deviceScaleFactor=1,
        mobile=False,
        screenWidth=max(1, width_px),
        screenHeight=height_px,
        scale=UNSEEN_SCALE,
    )


def _set_height(printed: Print, options: PdfDocument, height_px: float) -> None:
    top, _, bottom, _ = options.margins_in
    printed["paperHeight"] = height_px / PX_PER_INCH * options.scale + top + bottom


async def _print_into(file: IO[bytes], render: Render, printed: Print) -> None:
    """Print, and leave the document in the file, or its beginning if it is larger than allowed."""
    file.seek(0)
    file.truncate()
    async for piece in render.page.print_pdf(**printed):
        file.write(piece)
        if file.tell() > render.max_bytes:
            break
    file.flush()


def _warn_of_large_page(render: Render, printed: Print) -> None:
    if printed["paperHeight"] > MAX_SIDE_IN:
        points = printed["paperHeight"] * POINTS_PER_INCH
        render.warnings.append(
            f"single_page: the page is {points:,.0f} points high; some readers show at most "
            f"{MAX_SIDE_IN * POINTS_PER_INCH:,.0f}"
        )
