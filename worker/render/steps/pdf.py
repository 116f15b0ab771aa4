"""Prints the page."""

import json
from collections.abc import AsyncIterator
from typing import Final

from fleet.errors import ErrorType, RenderError
from fleet.render.pdf.document import PdfDocument
from worker.browser.devtools import ProtocolError
from worker.render.after_print.finish import finished, is_asked
from worker.render.context import Render
from worker.render.in_page import script
from worker.render.printing.parameters import margin_rule, parameters
from worker.render.printing.refusal import print_error
from worker.render.printing.single_page import print_on_one_page

_LOAD_LAZY: Final = script("load_lazy.js")
_PAGE_MARGINS: Final = script("page_margins.js")
_LAZY_TIMEOUT_S: Final = 5.0
_DEFAULT: Final = PdfDocument()


async def run(render: Render) -> None:
    """Leave the document in `render.content`.

    Raises:
        RenderError: why it cannot be printed, while the content is read.
    """
    await _load_lazy(render)
    printed = _pieces(render, render.request.pdf or _DEFAULT)
    render.content = finished(render, printed) if is_asked(render.request) else printed


async def _load_lazy(render: Render) -> None:
    """Load what is to be loaded when it is scrolled to: on paper nobody scrolls."""
    if not (render.has_lazy and render.request.java_script_enabled):
        return  # without scripts Chromium loads everything at once
    options = f"{{limitMs: {_LAZY_TIMEOUT_S * 1000:.0f}}}"
    try:
        missing = await render.page.evaluate(f"({_LOAD_LAZY})({options})")
    except ProtocolError:
        return  # the document was replaced; what is printed is the one that comes
    if missing:
        render.warnings.append(f"pdf: {missing} lazy images had not come after {_LAZY_TIMEOUT_S:.0f} s")


async def _pieces(render: Render, options: PdfDocument) -> AsyncIterator[bytes]:
    page = render.page
    try:
        if rule := margin_rule(options):
            await page.evaluate(f"({_PAGE_MARGINS})({json.dumps(rule)})")
        printed = parameters(options)
        stream = print_on_one_page(render, options) if options.single_page else page.print_pdf(**printed)
        async for piece in stream:
            yield piece
    except ProtocolError as error:
        # Printing takes memory, and the page may have been ended for it: then Chromium refuses first.
        await page.require_alive()
        if page.memory.excess is not None:
            raise RenderError(ErrorType.MEMORY_LIMIT_EXCEEDED, str(page.memory.excess)) from error
        raise print_error(error, options) from error
