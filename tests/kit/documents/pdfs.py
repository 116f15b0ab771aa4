"""Reads PDFs: the text with its place on the paper, the size of pages, their picture."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pypdf
import pypdfium2
from PIL import Image

# A picture of a page has so many pixels for each point.
PIXELS_PER_POINT = 1


@dataclass(frozen=True, slots=True)
class Word:
    """A piece of text.

    Attributes:
        text: without blanks around it.
        left: points from the left edge of the page.
        top: points from the top edge to the base line.
        size: of the font, in points.
    """

    text: str
    left: float
    top: float
    size: float


def pages(path: Path) -> list[pypdf.PageObject]:
    """All pages."""
    return list(pypdf.PdfReader(path).pages)


def sizes_mm(path: Path) -> list[tuple[int, int]]:
    """Width and height of each page, in whole millimetres."""
    boxes = [page.mediabox for page in pages(path)]
    return [(round(float(box.width) / 72 * 25.4), round(float(box.height) / 72 * 25.4)) for box in boxes]


def text(page: pypdf.PageObject) -> str:
    """The words of a page with single blanks between them."""
    return " ".join(page.extract_text().split())


def words(page: pypdf.PageObject) -> list[Word]:
    """The pieces of text on a page, in the order in which they were drawn."""
    height = float(page.mediabox.height)
    found: list[Word] = []

    def visit(text: str, base: list[float], own: list[float], _font: Any, size: float) -> None:
        if text.strip():
            x, y, scale = _placed(base, own)
            found.append(Word(text.strip(), round(x, 1), round(height - y, 1), round(size * scale, 1)))

    page.extract_text(visitor_text=visit)
    return found


def _placed(base: list[float], own: list[float]) -> tuple[float, float, float]:
    """Place and scale of text by its two matrices (ISO 32000-1, 8.3.4)."""
    a, b, c, d, e, f = base
    return own[4] * a + own[5] * c + e, own[4] * b + own[5] * d + f, abs(own[3] * d)


def picture(path: Path, page: int = 0) -> Image.Image:
    """A page as a picture, one pixel for each point; `page` counts from 0, or as -1 from the end."""
    document = pypdfium2.PdfDocument(path)
    try:
        drawn: Image.Image = document[page % len(document)].render(scale=PIXELS_PER_POINT).to_pil()
        return drawn.convert("RGB")
    finally:
        document.close()


def catalog(path: Path) -> pypdf.generic.DictionaryObject:
    """The root of the document."""
    root = pypdf.PdfReader(path).trailer["/Root"].get_object()
    assert isinstance(root, pypdf.generic.DictionaryObject)
    return root


def outline_titles(path: Path) -> list[str]:
    """The entries of the outline, the highest level alone."""
    return [str(entry["/Title"]) for entry in pypdf.PdfReader(path).outline if isinstance(entry, dict)]
