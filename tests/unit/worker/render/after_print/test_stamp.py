"""Where a stamp is drawn, seen on pictures of the pages."""

import json
from pathlib import Path
from typing import Any

import pikepdf
import pypdfium2
import pytest
from pikepdf import Name
from PIL import Image, ImageChops

from fleet.confined.refusal import Refusal
from tests.kit.documents.made_pdfs import made_pdf
from worker.render.after_print.program.main import work
from worker.render.after_print.program.order import Document, Order, Stamp

RED, WHITE, BLACK = (255, 0, 0), (255, 255, 255), (0, 0, 0)


def painted(path: Path, *, color: str, box: tuple[int, int, int, int], rotate: int = 0) -> str:
    """A page of which all is of one colour."""
    pdf = pikepdf.new()
    left, bottom, right, top = box
    pdf.add_blank_page()
    page = pdf.pages[0]
    page.mediabox = pikepdf.Rectangle(*box)
    page.rotation = rotate
    page.Contents = pdf.make_stream(f"{color} rg {left} {bottom} {right - left} {top - bottom} re f".encode())
    pdf.save(path)
    return str(path)


class Stamper:
    """Stamps documents with a red rectangle, 40 points wide and 20 high."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.red = painted(folder / "red", color="1 0 0", box=(10, 10, 50, 30))

    def stamp(self, document: str, **changes: Any) -> list[Image.Image]:
        given = {"path": self.red, "field": "pdf.watermark.pdf", "page": 1, "opacity": 1.0, "degrees": 0.0}
        stamp = Stamp(**{**given, "share": 0.5, "is_over": True, "pages": None, **changes})  # type: ignore[typeddict-item]
        order = Order(
            documents=[Document(path=document, field="", pages=None)],
            printed=0,
            pages=None,
            rotations=[],
            stamp=stamp,
            labels={},
            attachments=[],
            protection=None,
            is_small=False,
            output=str(self.folder / "output"),
            max_pages=1,
        )
        work(json.dumps(order).encode())
        stamped = pypdfium2.PdfDocument(self.folder / "output")
        try:
            return [stamped[n].render().to_pil().convert("RGB") for n in range(len(stamped))]
        finally:
            stamped.close()


@pytest.fixture
def stamper(tmp_path: Path) -> Stamper:
    return Stamper(tmp_path)


def red_box(picture: Image.Image) -> tuple[int, int, int, int] | None:
    """Left, top, right and bottom of what is red."""
    red, green, blue = picture.split()
    only = ImageChops.subtract(red, ImageChops.lighter(green, blue))
    return only.point(lambda value: 255 if value > 128 else 0).getbbox()


def near(found: tuple[int, int, int, int] | None, wanted: tuple[int, int, int, int]) -> bool:
    return found is not None and all(abs(one - other) <= 1 for one, other in zip(found, wanted, strict=True))


@pytest.mark.parametrize("rotate", [0, 90, 180, 270])
@pytest.mark.parametrize("origin", [(0, 0), (-50, 30)])
def test_it_lies_in_the_middle_and_upright_however_the_page_lies(
    stamper: Stamper, rotate: int, origin: tuple[int, int]
) -> None:
    x, y = origin
    size = (100, 200) if rotate % 180 else (200, 100)  # always seen with 200 x 100
    page = painted(
        stamper.folder / "page", color="1 1 1", box=(x, y, x + size[0], y + size[1]), rotate=rotate
    )
    (picture,) = stamper.stamp(page)
    assert picture.size == (200, 100)
    assert near(red_box(picture), (50, 25, 150, 75))


@pytest.mark.parametrize(
    ("degrees", "box"), [(90, (75, 0, 125, 100)), (180, (0, 0, 200, 100)), (45, (43, 0, 157, 100))]
)
def test_it_is_turned_and_still_fits(
    stamper: Stamper, degrees: float, box: tuple[int, int, int, int]
) -> None:
    page = painted(stamper.folder / "page", color="1 1 1", box=(0, 0, 200, 100))
    (picture,) = stamper.stamp(page, degrees=degrees, share=1)
    found = red_box(picture)
    if degrees == 45:
        # The corners are thin: a rectangle of 2 to 1 that stands on its edge is as wide as high.
        assert found is not None
        assert found[3] - found[1] >= 95
        assert abs((found[2] - found[0]) - (found[3] - found[1])) <= 3
    else:
        assert near(found, box)


def test_clockwise_is_clockwise(stamper: Stamper) -> None:
    page = painted(stamper.folder / "page", color="1 1 1", box=(0, 0, 200, 200))
    (picture,) = stamper.stamp(page, degrees=30, share=1)
    right_end, left_end = picture.getpixel((180, 135)), picture.getpixel((180, 65))
    assert (right_end, left_end) == (RED, WHITE)


def test_it_is_as_transparent_as_asked(stamper: Stamper) -> None:
    page = painted(stamper.folder / "page", color="1 1 1", box=(0, 0, 200, 100))
    (picture,) = stamper.stamp(page, opacity=0.4)
    assert picture.getpixel((100, 50)) == pytest.approx((255, 153, 153), abs=2)


def test_it_lies_over_or_under_what_the_page_shows(stamper: Stamper) -> None:
    page = painted(stamper.folder / "page", color="0 0 0", box=(0, 0, 200, 100))
    assert stamper.stamp(page)[0].getpixel((100, 50)) == RED
    assert stamper.stamp(page, is_over=False)[0].getpixel((100, 50)) == BLACK


def test_a_page_that_moves_its_coordinates_does_not_move_the_stamp(stamper: Stamper) -> None:
    """Chromium's pages begin with a change of the coordinates that they never take back."""
    with pikepdf.open(painted(stamper.folder / "page", color="1 1 1", box=(0, 0, 200, 100))) as pdf:
        pdf.pages[0].Contents = pdf.make_stream(b".24 0 0 -.24 0 100 cm")
        pdf.save(stamper.folder / "moved")
    (picture,) = stamper.stamp(str(stamper.folder / "moved"))
    assert near(red_box(picture), (50, 25, 150, 75))


def test_only_the_pages_that_are_named_are_stamped_and_all_share_one_drawing(stamper: Stamper) -> None:
    (stamper.folder / "three").write_bytes(made_pdf("a", "b", "c"))
    pictures = stamper.stamp(str(stamper.folder / "three"), pages=[(2, 3)])
    assert [red_box(picture) is not None for picture in pictures] == [False, True, True]
    with pikepdf.open(stamper.folder / "output") as pdf:
        (first,), (second,) = (page.Resources.XObject.values() for page in list(pdf.pages)[1:])
        assert first.objgen == second.objgen


def test_a_document_is_stamped_twice(stamper: Stamper) -> None:
    page = painted(stamper.folder / "page", color="1 1 1", box=(0, 0, 200, 100))
    stamper.stamp(page)
    (stamper.folder / "output").rename(stamper.folder / "once")
    blue = painted(stamper.folder / "blue", color="0 0 1", box=(0, 0, 40, 20))
    (picture,) = stamper.stamp(str(stamper.folder / "once"), path=blue, share=0.25)
    assert picture.getpixel((100, 50)) == (0, 0, 255)
    assert near(red_box(picture), (50, 25, 150, 75))


def test_it_is_no_part_of_the_text_that_is_read_aloud(stamper: Stamper) -> None:
    stamper.stamp(painted(stamper.folder / "page", color="1 1 1", box=(0, 0, 200, 100)))
    with pikepdf.open(stamper.folder / "output") as pdf:
        last = pikepdf.parse_content_stream(pdf.pages[0].Contents[-1])
    assert (last[0].operands[0], last[0].operator) == (Name.Artifact, pikepdf.Operator("BDC"))
    assert last[-1].operator == pikepdf.Operator("EMC")


def test_a_stamp_without_size_is_refused(stamper: Stamper) -> None:
    page = painted(stamper.folder / "page", color="1 1 1", box=(0, 0, 200, 100))
    flat = painted(stamper.folder / "flat", color="1 0 0", box=(0, 0, 50, 0))
    with pytest.raises(Refusal) as caught:
        stamper.stamp(page, path=flat)
    message = "is broken: its page has no size"
    assert caught.value.facts == {"field": "pdf.watermark.pdf", "message": message}


def test_another_page_of_the_stamp_can_be_drawn(stamper: Stamper) -> None:
    page = painted(stamper.folder / "page", color="1 1 1", box=(0, 0, 200, 100))
    with pytest.raises(Refusal) as caught:
        stamper.stamp(page, page=2)
    message = "names page 2, and there is only 1 page"
    assert caught.value.facts == {"field": "pdf.watermark.pdf", "message": message}
