"""Prints the page. Until its options come: A4, no margins, backgrounds printed."""

from collections.abc import AsyncIterator
from typing import Final

from fleet.errors import ErrorType, RenderError
from fleet.render.options.pdf import A4_HEIGHT_IN, A4_WIDTH_IN
from worker.browser.devtools import ProtocolError
from worker.browser.page import Page
from worker.render.context import Render
from worker.render.in_page import script

_LOAD_LAZY: Final = script("load_lazy.js")
_LAZY_TIMEOUT_S: Final = 5.0


async def run(render: Render) -> None:
    """Leave the document in `render.content`.

    Raises:
        RenderError: `pdf_failed`, while the content is read.
    """
    await _load_lazy(render)
    stream = render.page.print_pdf(
        printBackground=True,
        paperWidth=A4_WIDTH_IN,
        paperHeight=A4_HEIGHT_IN,
        marginTop=0,
        marginBottom=0,
        marginLeft=0,
        marginRight=0,
    )
    render.content = _pieces(render.page, stream)


async def _load_lazy(render: Render) -> None:
    """Load what is to be loaded when it is scrolled to: on paper nobody scrolls."""
    if not render.request.java_script_enabled:
        return  # then Chromium loads everything at once
    options = f"{{limitMs: {_LAZY_TIMEOUT_S * 1000:.0f}}}"
    try:
        missing = await render.page.evaluate(f"({_LOAD_LAZY})({options})")
    except ProtocolError:
        return  # the document was replaced; what is printed is the one that comes
    if missing:
        render.warnings.append(f"pdf: {missing} lazy images had not come after {_LAZY_TIMEOUT_S:.0f} s")


async def _pieces(page: Page, stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    try:
        async for piece in stream:
            yield piece
    except ProtocolError as error:
        await page.require_alive()  # printing takes memory: the page may have been ended for it
        raise RenderError(ErrorType.PDF_FAILED, "the browser refused to print the page") from error
