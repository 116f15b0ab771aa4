"""Lets Chromium print a watermark, on paper of its size: so it may have any letters, and any picture.

It is printed in the page of the render, when that is printed already and has been left.
"""

import base64
import html
from pathlib import Path
from typing import Final

from fleet.errors import ErrorType, RenderError
from fleet.render.pdf.lengths import PX_PER_INCH
from worker.browser.document.script_value import EvaluationError
from worker.browser.page import Page

_PAGE: Final = (
    "<!doctype html><meta charset=utf-8><style>@page{margin:0}html,body{margin:0;background:none}"
    "#mark{display:inline-block;vertical-align:top;print-color-adjust:exact;%s}</style>%s"
)
_TEXT_STYLE: Final = (
    "font:bold 96px/1.1 'Liberation Sans',Arial,sans-serif;white-space:pre;text-align:center;color:%s"
)
# It becomes as large as the page allows: this size only decides how large it is on its own paper.
_IMAGE_STYLE: Final = "width:768px"
_MEASURE: Final = """(async () => {
  const mark = document.getElementById("mark");
  if (mark.decode) await mark.decode();
  const { width, height } = mark.getBoundingClientRect();
  return [width, height];
})()"""


async def print_text(page: Page, text: str, color: str, path: Path) -> None:
    """Print a text into a file.

    Raises:
        RenderError: `invalid_request`: nothing of it can be seen.
    """
    style = _TEXT_STYLE % color
    await _print(page, _PAGE % (style, f"<div id=mark>{html.escape(text)}</div>"), path, "text")


async def print_image(page: Page, data: bytes, path: Path) -> None:
    """Print a picture into a file.

    Raises:
        RenderError: `invalid_request`: Chromium cannot show it.
    """
    # Of all other formats Chromium looks at the bytes, not at the type.
    is_svg = b"<svg" in data[:4096]
    address = f"data:image/{'svg+xml' if is_svg else 'png'};base64,{base64.b64encode(data).decode()}"
    await _print(page, _PAGE % (_IMAGE_STYLE, f'<img id=mark src="{address}">'), path, "image")


async def _print(page: Page, document: str, path: Path, kind: str) -> None:
    await page.navigate("about:blank")  # what is left of the page's scripts could change the watermark
    await page.set_html(document)
    try:
        width, height = await page.evaluate(_MEASURE)
    except EvaluationError as error:
        detail = f"pdf.watermark.{kind}: is no picture that Chromium can show"
        raise RenderError(ErrorType.INVALID_REQUEST, detail) from error
    if not (width and height):
        raise RenderError(
            ErrorType.INVALID_REQUEST, f"pdf.watermark.{kind}: has no size: nothing can be seen"
        )
    stream = page.print_pdf(
        printBackground=True,
        paperWidth=width / PX_PER_INCH,
        paperHeight=height / PX_PER_INCH,
        marginTop=0,
        marginRight=0,
        marginBottom=0,
        marginLeft=0,
        generateTaggedPDF=False,
        pageRanges="1",
    )
    with path.open("wb") as file:
        async for piece in stream:
            file.write(piece)
