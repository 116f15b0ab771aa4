"""Why Chromium has not printed a page, in words for the job's owner."""

from typing import Final

from fleet.errors import ErrorType, RenderError
from fleet.render.pdf.document import PdfDocument
from worker.browser.devtools import ProtocolError

# Chromium's own sentences (components/printing/browser/print_to_pdf).
_BEYOND_THE_END: Final = "Page range exceeds page count"
_NO_ROOM: Final = "content area is empty"


def print_error(refusal: ProtocolError, options: PdfDocument) -> RenderError:
    """What Chromium's refusal to print means.

    Args:
        refusal: Chromium's answer.
        options: what was asked for.
    """
    said = str(refusal)
    if _BEYOND_THE_END in said:
        detail = f"pdf.page_ranges: the document ends before the first page of {options.page_ranges}"
        return RenderError(ErrorType.INVALID_REQUEST, detail)
    if _NO_ROOM in said:
        return RenderError(ErrorType.INVALID_REQUEST, "pdf.margin: leaves no room for the page on the paper")
    return RenderError(ErrorType.PDF_FAILED, f"the browser refused to print the page: {said}")
