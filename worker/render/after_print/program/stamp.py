"""Draws a page of a PDF on pages of another one, over or under what they show."""

import math
import secrets

import pikepdf
from pikepdf import Dictionary, Matrix, Name, Object, Stream

from fleet.confined.refusal import Refusal
from worker.render.after_print.program.assemble import opened
from worker.render.after_print.program.damage import DAMAGE
from worker.render.after_print.program.order import Document, Stamp
from worker.render.after_print.program.page_numbers import indices

# What reads a tagged document passes over it (ISO 32000-2, 14.8.2.2).
_BEGIN = b"/Artifact <</Type /Pagination /Subtype /Watermark>> BDC"
_END = b"EMC"


def stamp(pdf: pikepdf.Pdf, wanted: Stamp) -> None:
    """Draw a stamp.

    Raises:
        Refusal: it cannot be used, or a page that is asked for does not exist.
    """
    form = _form(pdf, wanted)
    # A page may have a stamp already: it was made by another job.
    suffix = secrets.token_hex(4)
    drawn_name, look_name = (Name(f"/{kind}{suffix}") for kind in ("Stamp", "Look"))
    look = Dictionary(Type=Name.ExtGState, ca=wanted["opacity"], CA=wanted["opacity"])
    drawings: dict[tuple[float, ...], Stream] = {}
    for index in indices(wanted["pages"], len(pdf.pages), "pdf.watermark.pages"):
        page = pdf.pages[index]
        page.add_resource(form, Name.XObject, drawn_name)
        page.add_resource(look, Name.ExtGState, look_name)
        place = _place(page, form, wanted)
        if place.shorthand not in drawings:
            drawings[place.shorthand] = pdf.make_stream(
                b"\n%b q %b cm %b gs %b Do Q %b\n"
                % (_BEGIN, place.encode(), _word(look_name), _word(drawn_name), _END)
            )
        if wanted["is_over"]:
            page.contents_add(pdf.make_stream(b"q\n"), prepend=True)
            page.contents_add(pdf.make_stream(b"\nQ\n"))
        page.contents_add(drawings[place.shorthand], prepend=not wanted["is_over"])


def _form(pdf: pikepdf.Pdf, wanted: Stamp) -> Object:
    """The page of the stamp as a drawing in the document."""
    name, number = wanted["field"], wanted["page"]
    source = opened(Document(path=wanted["path"], field=name, pages=None))
    (drawn,) = indices([(number, number)], len(source.pages), name)
    try:
        form = pdf.copy_foreign(source.make_indirect(source.pages[drawn].as_form_xobject()))
        left, bottom, right, top = _extent(form)
    except DAMAGE as error:
        raise Refusal(field=name, message="is broken: its page cannot be drawn") from error
    if left == right or bottom == top:
        raise Refusal(field=name, message="is broken: its page has no size")
    if Name.StructParents in form:
        del form.StructParents
    form.Group = Dictionary(S=Name.Transparency)  # so that it is transparent as a whole, not part by part
    return form


def _word(name: Name) -> bytes:
    return str(name).encode()


def _place(page: pikepdf.Page, form: Object, wanted: Stamp) -> Matrix:
    """From the form's space to the page's, so that it lies in the middle, as the page is seen."""
    left, bottom, right, top = sorted_box(page.cropbox)
    width, height = right - left, top - bottom
    if page.rotation % 180:
        width, height = height, width
    x0, y0, x1, y1 = _extent(form)
    seen = math.radians(-wanted["degrees"])  # PDF turns to the left
    cos, sin = abs(math.cos(seen)), abs(math.sin(seen))
    wide, high = (x1 - x0) * cos + (y1 - y0) * sin, (x1 - x0) * sin + (y1 - y0) * cos
    size = wanted["share"] * min(width / wide, height / high)
    turn = page.rotation - wanted["degrees"]
    return (
        Matrix()
        .translated((left + right) / 2, (bottom + top) / 2)
        .rotated(turn)
        .scaled(size, size)
        .translated(-(x0 + x1) / 2, -(y0 + y1) / 2)
    )


def _extent(form: Object) -> tuple[float, float, float, float]:
    """The box that a form fills, turned as its page was."""
    x0, y0, x1, y1 = sorted_box(form.BBox)
    matrix = Matrix(form.Matrix) if Name.Matrix in form else Matrix()
    corners = [matrix.transform((x, y)) for x in (x0, x1) for y in (y0, y1)]
    xs, ys = zip(*corners, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def sorted_box(box: Object) -> tuple[float, float, float, float]:
    """Left, bottom, right and top: in a file any two opposite corners may be given."""
    a, b, c, d = (float(number) for number in box)
    return min(a, c), min(b, d), max(a, c), max(b, d)
