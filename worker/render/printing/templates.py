"""Headers and footers as Chromium takes them: HTML that it prints on each page, apart from the page itself.

Chromium lays both out in one small document of its own, in elements with the ids `header` and `footer`, which
are flex boxes at the edges of the paper. Its own font size there is too small to read, and backgrounds are
left out. A style that comes first changes both, and a template can change it again.
"""

from typing import Final

from fleet.render.pdf.document import PdfDocument
from worker.browser.protocol import Print

FONT_SIZE_PT: Final = 9
_STYLE: Final = (
    f"<style>#header,#footer{{font-size:{FONT_SIZE_PT}pt;-webkit-print-color-adjust:exact;"
    "print-color-adjust:exact}</style>"
)
# Chromium takes an empty template for none, and prints its own.
_NOTHING: Final = "<span></span>"


def header_and_footer(options: PdfDocument) -> Print:
    """What Chromium is told of header and footer."""
    if not options.has_header_footer:
        return {}
    if options.header_template is None and options.footer_template is None:
        return {"displayHeaderFooter": True}
    return {
        "displayHeaderFooter": True,
        "headerTemplate": _STYLE + _in_line(options.header_template, options),
        "footerTemplate": _in_line(options.footer_template, options),
    }


def _in_line(template: str | None, options: PdfDocument) -> str:
    """Put a template without any style in line with the page: it would begin at the edge of the paper."""
    if template is None:
        return _NOTHING
    if "style" in template:
        return template
    _, right, _, left = options.margins_in
    return f'<div style="width:100%;padding:0 {right:.3f}in 0 {left:.3f}in">{template}</div>'
