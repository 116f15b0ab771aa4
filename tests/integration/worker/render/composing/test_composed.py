"""Pages that are made of a template or of Markdown, and what their relative addresses are relative to."""

import base64
from typing import Any

import pypdf
import pytest

from fleet.errors import ErrorType, RenderError
from tests.kit.stages.browser_stage import BrowserStage

pytest_plugins = ("tests.kit.stages.browser_fixtures",)

BOOK = "# A book\n\n[[toc]]\n\n## First\n\n" + "Words. " * 3000 + "\n\n## Second\n\nThe end."


def encoded(files: dict[str, str]) -> dict[str, str]:
    return {name: base64.b64encode(text.encode()).decode() for name, text in files.items()}


async def title(shared: BrowserStage, **options: Any) -> str | None:
    return (await shared.render(**options)).page.title


async def test_a_template_becomes_a_page(shared: BrowserStage) -> None:
    template = "<p>{{ total | currency('EUR') }} <script>document.title = {{ name | tojson }}</script>"
    data = {"total": 1234.5, "name": "A & B"}
    rendered = await shared.render(template=template, data=data, locale="de-DE", format="text")
    assert shared.output.read_text().strip() == "1.234,50\xa0€"
    assert rendered.page.title == "A & B"


@pytest.mark.parametrize(
    "source",
    [
        {"html": "<p id=a><script src='../added.js'></script>"},
        {"template": "<p id=a><script src='{{ x }}'></script>", "data": {"x": "../added.js"}},
        {"markdown": "<p id=a></p>\n\n<script src='../added.js'></script>"},
    ],
)
async def test_relative_addresses_are_relative_to_base_url(
    shared: BrowserStage, source: dict[str, Any]
) -> None:
    base = shared.site.url("/folder/page?x=1&y=%22")
    rendered = await shared.render(**source, base_url=base)
    assert rendered.page.title == "added"


async def test_a_base_changes_nothing_else(shared: BrowserStage) -> None:
    said = "[document.compatMode, document.documentElement.lang, document.baseURI]"
    head = "<!-- a --> <!DOCTYPE html><html lang=nl><head><base href='https://other.example/'></head>"
    html = f"{head}<script>document.title = {said}</script>"
    base = shared.site.url("/a/")
    assert await title(shared, html=html, base_url=base) == f"CSS1Compat,nl,{base}"
    quirks = html.partition("html>")[2]
    assert await title(shared, html=quirks, base_url=base) == f"BackCompat,nl,{base}"


@pytest.mark.parametrize("base", [{}, {"base_url": "http://127.0.0.1/shop/"}])
async def test_markdown_becomes_a_pdf_whose_contents_lead_to_its_headings(
    shared: BrowserStage, base: dict[str, Any]
) -> None:
    """Also where relative addresses lead elsewhere."""
    rendered = await shared.render(markdown=BOOK, format="pdf", styles="h2 { break-before: page }", **base)
    assert rendered.page.title == "A book"
    document = pypdf.PdfReader(shared.output)
    targets = [note.get_object() for note in document.pages[0].get("/Annots", [])]
    found = [document.named_destinations[one["/Dest"]]["/Page"].get_object() for one in targets]
    assert [document.pages.index(page) for page in found] == [1, len(document.pages) - 1]


@pytest.mark.parametrize("format_", ["png", "html", "text"])
async def test_markdown_has_every_format(shared: BrowserStage, format_: str) -> None:
    rendered = await shared.render(markdown="# Title\n\n| a |\n|---|\n| 1 |", format=format_)
    assert rendered.page.title == "Title"
    assert rendered.artifact.size_bytes
    if format_ == "html":
        assert "<td>1</td>" in shared.output.read_text()


async def test_index_of_files_is_a_template_if_there_are_data(shared: BrowserStage) -> None:
    files = {
        "index.html": "{% include 'parts/head.html' %}<link rel=stylesheet href=a.css><p>{{ name }}",
        "parts/head.html": "<title>{{ name }}</title>",
        "a.css": "p { color: {{ red }} }",
    }
    rendered = await shared.render(files=encoded(files), data={"name": "A & B"}, format="html")
    assert rendered.page.title == "A & B"
    assert "<p>A &amp; B" in shared.output.read_text()
    assert rendered.warnings == []
    await shared.render(files=encoded(files), format="html")
    assert "<p>{{ name }}" in shared.output.read_text(), "without data it is no template"


@pytest.mark.parametrize(
    ("files", "said"),
    [
        (
            {"index.html": "\n{% include 'a.html' %}", "a.html": "\n{{ x }}"},
            "a.html, line 2, column 4: `x` is not",
        ),
        ({"index.html": "{% include 'a.html' %}", "a.html": "\n{{ x y }}"}, "a.html, line 2, column "),
        (
            {"index.html": "{% include '../../etc/passwd' %}"},
            "index.html, line 1, column 1: there is no file `../..",
        ),
    ],
)
async def test_what_is_wrong_in_a_file_is_said_with_its_name(
    shared: BrowserStage, files: dict[str, str], said: str
) -> None:
    with pytest.raises(RenderError) as caught:
        await shared.render(files=encoded(files), data={})
    assert caught.value.type is ErrorType.INVALID_REQUEST
    assert caught.value.detail.startswith(f"files: {said}")
