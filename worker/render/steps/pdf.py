"""Prints the page. Until its options come: A4, no margins, backgrounds printed."""

from collections.abc import AsyncIterator

from fleet.errors import ErrorType, RenderError
from fleet.render.options.pdf import A4_HEIGHT_IN, A4_WIDTH_IN
from worker.browser.devtools import ProtocolError
from worker.browser.page import Page
from worker.render.context import Render


async def run(render: Render) -> None:
    """Leave the document in `render.content`.

    Raises:
        RenderError: `pdf_failed`, while the content is read.
    """
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


async def _pieces(page: Page, stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    try:
        async for piece in stream:
            yield piece
    except ProtocolError as error:
        await page.require_alive()  # printing takes memory: the page may have been ended for it
        raise RenderError(ErrorType.PDF_FAILED, "the browser refused to print the page") from error
