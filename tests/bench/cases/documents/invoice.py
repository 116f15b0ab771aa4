"""The invoice that is printed in measurements: two pages, a table, a picture, header and footer."""

from typing import Any, Final

_LOGO: Final = (
    "<svg width='120' height='40'><rect width='40' height='40' rx='8' fill='#1d4ed8'/>"
    "<text x='48' y='28' font-size='22' font-family='sans-serif'>Acme</text></svg>"
)
_STYLE: Final = (
    "body{font:11pt/1.4 'Liberation Sans',sans-serif;margin:0;color:#222}"
    "table{width:100%;border-collapse:collapse}"
    "th{background:#eef;text-align:left} td,th{padding:4pt 6pt;border-bottom:1px solid #ccd}"
    "td:nth-child(n+3),th:nth-child(n+3){text-align:right} h1{font-size:20pt} .total{font-weight:bold}"
)
_NAMES: Final = ("Consulting", "Hosting, one month", "Support by telephone", "Licence for ten seats")
FOOTER: Final = (
    "<div style='width:100%;text-align:center'><span class='pageNumber'></span> / "
    "<span class='totalPages'></span></div>"
)


def invoice(lines: int = 45) -> str:
    """The HTML of an invoice; 45 lines fill two pages of A4."""
    rows = "".join(
        f"<tr><td>{number}</td><td>{_NAMES[number % len(_NAMES)]}</td><td>{number % 7 + 1}</td>"
        f"<td>{number * 12.5:.2f}</td><td>{(number % 7 + 1) * number * 12.5:.2f}</td></tr>"
        for number in range(1, lines + 1)
    )
    return (
        f"<!doctype html><html lang='en'><head><meta charset='utf-8'><title>Invoice 2026-007</title>"
        f"<style>{_STYLE}</style></head><body>{_LOGO}<h1>Invoice 2026-007</h1>"
        "<p>Example Ltd<br>1 Long Street<br>Springfield</p><table><thead><tr><th>No.</th><th>Item</th>"
        f"<th>Count</th><th>Price</th><th>Sum</th></tr></thead><tbody>{rows}</tbody></table>"
        "<p class='total'>To be paid within 30 days, without deduction.</p></body></html>"
    )


def request() -> dict[str, Any]:
    """The job that prints it."""
    return {
        "html": invoice(),
        "format": "pdf",
        "pdf": {"format": "A4", "margin": {"top": "2cm", "bottom": "2cm"}, "footer_template": FOOTER},
    }


def parameters() -> dict[str, Any]:
    """The same for `Page.printToPDF`."""
    cm = 1 / 2.54
    return {
        "paperWidth": 21 * cm,
        "paperHeight": 29.7 * cm,
        "marginTop": 2 * cm,
        "marginBottom": 2 * cm,
        "marginLeft": 0.4,
        "marginRight": 0.4,
        "printBackground": True,
        "displayHeaderFooter": True,
        "headerTemplate": "<span></span>",
        "footerTemplate": f"<style>#footer{{font-size:9pt}}</style>{FOOTER}",
        "generateTaggedPDF": True,
    }
