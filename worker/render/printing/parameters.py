"""The options of a PDF as parameters of `Page.printToPDF`."""

from fleet.render.pdf.document import PdfDocument
from fleet.render.pdf.lengths import inches
from worker.browser.protocol import Print
from worker.render.printing.templates import header_and_footer


def parameters(options: PdfDocument) -> Print:
    """What Chromium is told: sizes in inches, as the protocol has them."""
    width, height = options.paper_in
    top, right, bottom, left = options.margins_in
    prefers_page = options.prefer_css_page_size
    printed = Print(
        printBackground=options.print_background,
        paperWidth=width,
        paperHeight=height,
        marginTop=top,
        marginRight=right,
        marginBottom=bottom,
        marginLeft=left,
        scale=options.scale,
        preferCSSPageSize=not options.says_size if prefers_page is None else prefers_page,
        generateTaggedPDF=options.tagged,
        generateDocumentOutline=options.outline,
    )
    if options.page_ranges is not None:
        printed["pageRanges"] = options.page_ranges
    printed.update(header_and_footer(options))
    return printed


def margin_rule(options: PdfDocument) -> str | None:
    """CSS that puts the margins of the request in the place of those that the page declares by `@page`.

    Chromium takes the margins of `printToPDF` only for pages without margins of their own. A rule for some
    pages, such as `@page :first`, still counts more than this one.

    Returns:
        The style sheet; None: the page's own margins are wanted, or none were asked for.
    """
    margin = options.margin
    if margin is None or options.prefer_css_page_size:
        return None
    given = {side: getattr(margin, side) for side in ("top", "right", "bottom", "left")}
    rules = [f"margin-{side}:{inches(length):.5f}in" for side, length in given.items() if length is not None]
    return f"@page{{{';'.join(rules)}}}" if rules else None
