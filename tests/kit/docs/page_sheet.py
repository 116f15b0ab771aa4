"""The pages of a PDF side by side, as one picture."""

import io
from pathlib import Path
from typing import Final

import pypdfium2
from PIL import Image

_PAGE_WIDTH: Final = 420
_GAP: Final = 12
_BETWEEN: Final = "#c9ced6"
_A_ROW: Final = 4


def page_sheet(pdf: Path) -> Image.Image:
    """Draw all pages, at most four in a row, with a grey edge around each."""
    with pypdfium2.PdfDocument(pdf) as document:
        pages = [page.render(scale=_PAGE_WIDTH / page.get_width()).to_pil() for page in document]
    width, height = pages[0].size
    columns = min(_A_ROW, len(pages))
    rows = -(-len(pages) // columns)
    size = (columns * (width + _GAP) + _GAP, rows * (height + _GAP) + _GAP)
    sheet = Image.new("RGB", size, _BETWEEN)
    for place, page in enumerate(pages):
        row, column = divmod(place, columns)
        sheet.paste(page, (_GAP + column * (width + _GAP), _GAP + row * (height + _GAP)))
    return sheet


def small_png(picture: Image.Image) -> bytes:
    """With 64 colours: documents need no more, and the repository keeps each."""
    target = io.BytesIO()
    picture.quantize(64).save(target, "PNG", optimize=True)
    return target.getvalue()
