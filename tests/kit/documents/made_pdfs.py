"""Small PDFs, made without a browser."""

import base64
import io

import pikepdf
from pikepdf import Array, Dictionary, Name, NumberTree, OutlineItem, Pdf, String

PAGE_POINTS = (200, 100)


def made_pdf(
    *texts: str, outline: bool = False, tagged: bool = False, encryption: pikepdf.Encryption | None = None
) -> bytes:
    """A PDF with one page for each text.

    Args:
        texts: what is to be read on the pages.
        outline: whether it has an outline of these texts.
        tagged: whether each text is tagged as a paragraph.
        encryption: of the document.
    """
    pdf = pikepdf.new()
    font = pdf.make_indirect(Dictionary(Type=Name.Font, Subtype=Name.Type1, BaseFont=Name.Helvetica))
    for text in texts:
        pdf.add_blank_page(page_size=PAGE_POINTS)
        page = pdf.pages[-1]
        page.Resources = Dictionary(Font=Dictionary(F1=font))
        words = f"/P <</MCID 0>> BDC BT /F1 20 Tf 20 40 Td ({text}) Tj ET EMC".encode()
        page.Contents = pdf.make_stream(words)
    if outline:
        with pdf.open_outline() as written:
            written.root.extend(OutlineItem(text, number) for number, text in enumerate(texts))
    if tagged:
        _tag(pdf, texts)
    written_to = io.BytesIO()
    pdf.save(written_to, encryption=encryption or False)
    return written_to.getvalue()


def _tag(pdf: Pdf, texts: tuple[str, ...]) -> None:
    root = pdf.make_indirect(Dictionary(Type=Name.StructTreeRoot))
    pdf.Root.StructTreeRoot = root
    pdf.Root.MarkInfo = Dictionary(Marked=True)
    numbers, elements = NumberTree.new(pdf), Array()
    for number, (text, page) in enumerate(zip(texts, pdf.pages, strict=True)):
        element = pdf.make_indirect(
            Dictionary(Type=Name.StructElem, S=Name.P, P=root, Pg=page.obj, K=0, ActualText=String(text))
        )
        elements.append(element)
        page.StructParents = number
        numbers[number] = Array([element])
    root.K, root.ParentTree, root.ParentTreeNextKey = elements, numbers.obj, len(texts)
    root.RoleMap = Dictionary({f"/{texts[0]}": Name.P})


def as_base64(data: bytes) -> str:
    """As requests take it."""
    return base64.b64encode(data).decode()
