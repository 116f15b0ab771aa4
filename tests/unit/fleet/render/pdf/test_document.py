"""What of `pdf{}` is refused, and in which words; what is taken, and as what."""

from typing import Any

import pytest
from pydantic import ValidationError

from fleet.input.field_errors import in_words
from fleet.render.link_parameters import read_link
from fleet.render.pdf.document import PdfDocument
from fleet.render.pdf.lengths import inches
from fleet.render.request import RenderRequest

LENGTH = "must be a number of CSS pixels, or text with a unit: px, in, cm, mm or pt, such as 2.5cm"
FORMATS = "Letter, Legal, Tabloid, Ledger, A0, A1, A2, A3, A4, A5 or A6"
UNQUOTE = "; write it without quotation marks"
RANGES = "must be numbers of pages and ranges with commas between them, such as 1-5, 8, 11-"


def document(**options: Any) -> PdfDocument:
    request = RenderRequest.model_validate({"html": "x", "format": "pdf", "pdf": options})
    assert request.pdf is not None
    return request.pdf


def refused(**options: Any) -> str:
    with pytest.raises(ValidationError) as caught:
        document(**options)
    return in_words(caught.value, RenderRequest)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            {"format": "B5"},
            "pdf.format: must be Letter, Legal, Tabloid, Ledger, A0, A1, A2, A3, A4, A5 or A6",
        ),
        ({"width": 0, "height": 100}, "pdf.width: must be 0.4in to 200in (about 1 cm to 5 m)"),
        ({"width": "10cm", "height": "1000cm"}, "pdf.height: must be 0.4in to 200in (about 1 cm to 5 m)"),
        ({"width": "10cm"}, "pdf.width: needs `height` beside it, or `single_page`"),
        ({"height": "10cm"}, "pdf.height: needs `width` beside it"),
        ({"width": 1, "height": 1, "format": "A4"}, "pdf.width: cannot be given together with `format`"),
        (
            {"width": "8cm", "height": "9cm", "single_page": True},
            "pdf.height: cannot be given together with `single_page`, which gives the height",
        ),
        (
            {"single_page": True, "prefer_css_page_size": True},
            "pdf.prefer_css_page_size: cannot be true together with `single_page`",
        ),
        ({"single_page": True, "page_ranges": "1"}, "pdf.page_ranges: is not for `single_page`"),
        (
            {"margin": {"top": "20cm", "bottom": "15cm"}},
            (
                "pdf.margin: leaves no room: the paper has a height of 11.69 in, and the margins take "
                "13.78 in of it"
            ),
        ),
        (
            {"format": "A6", "landscape": True, "margin": {"left": "6in"}},
            (
                "pdf.margin: leaves no room: the paper has a width of 5.83 in, and the margins take "
                "6.40 in of it"
            ),
        ),
        ({"margin": {"top": "-1cm"}}, f"pdf.margin.top: {LENGTH}"),
        ({"margin": {"top": "2 em"}}, f"pdf.margin.top: {LENGTH}"),
        ({"margin": {"top": True}}, f"pdf.margin.top: {LENGTH}"),
        ({"margin": {"top": -1}}, f"pdf.margin.top: {LENGTH}"),
        ({"scale": 0.05}, "pdf.scale: must be at least 0.1"),
        ({"scale": 3}, "pdf.scale: must be at most 2"),
        ({"page_ranges": "1;3"}, f"pdf.page_ranges: {RANGES}"),
        ({"page_ranges": "1,,3"}, f"pdf.page_ranges: {RANGES}"),
        ({"page_ranges": "-"}, f"pdf.page_ranges: {RANGES}"),
        ({"page_ranges": "0-2"}, "pdf.page_ranges: has a page 0; the first page is 1"),
        ({"page_ranges": "5-3"}, "pdf.page_ranges: has the range 5-3, which ends before it begins"),
        (
            {"outline": True, "tagged": False},
            "pdf.outline: needs `tagged`: the browser finds the headings by their tags",
        ),
        ({"paperWidth": 8}, "pdf.paperWidth: is not known; did you mean `width`?"),
        (
            {"displayHeaderFooter": True},
            "pdf.displayHeaderFooter: is not known; did you mean `display_header_footer`?",
        ),
        ({"marginTop": "1cm"}, "pdf.marginTop: is not known; did you mean `margin.top`?"),
        ({"printBackground": "yes"}, "pdf.printBackground: is not known; did you mean `print_background`?"),
        (
            {"print_background": "true"},
            "pdf.print_background: must be true or false; write it without quotation marks",
        ),
    ],
)
def test_what_cannot_be_printed_is_said(options: dict[str, Any], words: str) -> None:
    assert refused(**options) == words


def test_it_is_for_a_pdf() -> None:
    with pytest.raises(ValidationError) as caught:
        RenderRequest.model_validate({"html": "x", "pdf": {"format": "A4"}})
    assert in_words(caught.value, RenderRequest) == "pdf: is for a pdf; `format` is png"


@pytest.mark.parametrize(
    ("length", "expected"),
    [
        ("1in", 1),
        ("2.54cm", 1),
        ("25.4mm", 1),
        ("96px", 1),
        ("72pt", 1),
        (48, 0.5),
        (0, 0),
        ("0px", 0),
        (0.96, 0.01),
    ],
)
def test_lengths_are_those_of_css(length: str | float, expected: float) -> None:
    margin = document(margin={"left": length}).margin
    assert margin is not None
    assert margin.left is not None
    assert inches(margin.left) == pytest.approx(expected)


def test_paper_sizes_are_known_by_their_names_in_any_case() -> None:
    assert document(format="letter").paper_in == (8.5, 11)
    assert document(format="LEDGER").paper_in == (17, 11)
    assert document(format="A3", landscape=True).paper_in == pytest.approx((420 / 25.4, 297 / 25.4))
    assert document().paper_in == pytest.approx((210 / 25.4, 297 / 25.4))


def test_margins_are_wide_enough_for_what_is_printed_in_them() -> None:
    assert document().margins_in == (0.4, 0.4, 0.4, 0.4)
    assert document(width="5cm", height="2in").margins_in == pytest.approx([0.5 / 2.54] * 4)
    assert document(margin={"left": "1in"}).margins_in == (0.4, 0.4, 0.4, 1)
    assert document(footer_template="x").margins_in == (0.6, 0.4, 0.6, 0.4)
    assert document(footer_template="x", display_header_footer=False).margins_in == (0.4, 0.4, 0.4, 0.4)


def test_a_link_can_say_it() -> None:
    link = {
        "url": "https://example.com/",
        "pdf.width": "80mm",
        "pdf.single_page": "true",
        "pdf.margin.top": "2cm",
        "pdf.footer_template": "<b class=pageNumber></b>",
    }
    request = read_link(link, cache_ttl_s=60, is_document=True, context={})
    assert request.pdf == PdfDocument.model_validate(
        {
            "width": "80mm",
            "single_page": True,
            "margin": {"top": "2cm"},
            "footer_template": "<b class=pageNumber></b>",
        }
    )


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("x" * 1_000_000, "is 1,000,000 bytes long; at most 262,144 are allowed"),
        (
            "<b>x</b><SCRIPT>alert(1)</SCRIPT>",
            "has a script, which would not run: headers and footers are HTML and CSS alone",
        ),
        ("<iframe src='/x'>", "has iframe, which would not be printed: nothing is loaded for it"),
        ("<link rel=stylesheet href=/x>", "has link, which would not be printed: nothing is loaded for it"),
        ("<style>@import '/x'</style>", "has @import, which would not be printed: nothing is loaded for it"),
        *(
            (
                template,
                (
                    "has a picture at an address, which would not be printed: give it as data address, "
                    "such as data:image/png;base64,…"
                ),
            )
            for template in (
                "<img src='https://example.com/logo.png'>",
                "<img alt=x src=logo.png>",
                "<p style='background:url(https://example.com/x)'>",
                "<svg><image href='/x'/></svg>",
            )
        ),
    ],
)
@pytest.mark.parametrize("name", ["header_template", "footer_template"])
def test_what_cannot_be_in_a_template_is_said(name: str, template: str, words: str) -> None:
    assert refused(**{name: template}) == f"pdf.{name}: {words}"


@pytest.mark.parametrize(
    "template",
    [
        "<img alt=x src='data:image/png;base64,AAAA'>",
        '<img src = "data:image/svg+xml,x" width=20>',
        "<p style='background:url(\"data:image/png;base64,AAAA\")'>a link in words: see imports, scripts</p>",
        "<a href='https://example.com/'>x</a><svg><use href='#a'/><rect fill='url(#b)'/></svg><img>",
    ],
)
def test_what_can_be_in_a_template_is_taken(template: str) -> None:
    assert document(header_template=template).header_template == template
